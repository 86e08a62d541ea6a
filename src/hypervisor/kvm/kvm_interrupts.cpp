#include "hypervisor/kvm/kvm_interrupts.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

#include <linux/kvm.h>
#include <sys/eventfd.h>

#include "base/log.hpp"

namespace orrery::hypervisor::kvm {
namespace {

// Both have the same registers in the same order.
static_assert(sizeof(PicState) == sizeof(kvm_pic_state));

// A guest can program interrupts that go nowhere; that is its own loss.
void report(const Result<int>& result) {
  if (!result) log::guest_error("{}", result.error().message());
}

}  // namespace

// An irqfd, which is given to KVM when it has a route for the first time.
class KvmInterruptController::Event : public InterruptEvent {
 public:
  Event(const KvmFile& vm, InterruptRoutes& routes, FileDescriptor descriptor, std::uint32_t gsi)
      : vm_(vm), routes_(routes), descriptor_(std::move(descriptor)), gsi_(gsi) {}
  ~Event() override {
    if (connected_) report(request(KVM_IRQFD_FLAG_DEASSIGN));
    routes_.release(gsi_);
  }

  int descriptor() const override { return descriptor_.get(); }
  Result<> route(std::uint64_t address, std::uint32_t data) override {
    ORRERY_CHECK(routes_.set_message(gsi_, address, data));
    if (!connected_) ORRERY_CHECK(request(0));
    connected_ = true;
    return {};
  }

 private:
  Result<int> request(std::uint32_t flags) {
    kvm_irqfd irqfd{};
    irqfd.fd = static_cast<__u32>(descriptor_.get());
    irqfd.gsi = gsi_;
    irqfd.flags = flags;
    return vm_.call(KVM_IRQFD, &irqfd, "connect an event to an interrupt");
  }

  const KvmFile& vm_;
  InterruptRoutes& routes_;
  FileDescriptor descriptor_;
  const std::uint32_t gsi_;
  bool connected_ = false;
};

Result<> KvmInterruptController::set_up() {
  ORRERY_CHECK(vm_.call(KVM_CREATE_IRQCHIP, 0ul, "make interrupt controllers"));
  return routes_.set_up();
}

void KvmInterruptController::set_line(std::uint32_t gsi, bool asserted) {
  kvm_irq_level level{};
  level.irq = gsi;
  level.level = asserted ? 1 : 0;
  report(vm_.call(KVM_IRQ_LINE, &level, "set an interrupt line"));
}

void KvmInterruptController::send_msi(std::uint64_t address, std::uint32_t data) {
  kvm_msi message{};
  message.address_lo = static_cast<std::uint32_t>(address);
  message.address_hi = static_cast<std::uint32_t>(address >> 32);
  message.data = data;
  report(vm_.call(KVM_SIGNAL_MSI, &message, "send a message-signalled interrupt"));
}

Result<ControllerState> KvmInterruptController::state() const {
  ControllerState state;
  kvm_irqchip chip{};
  for (const __u32 id : {KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE}) {
    chip.chip_id = id;
    ORRERY_CHECK(vm_.call(KVM_GET_IRQCHIP, &chip, "read its 8259s"));
    state.pics[id] = std::bit_cast<PicState>(chip.chip.pic);
  }
  chip.chip_id = KVM_IRQCHIP_IOAPIC;
  ORRERY_CHECK(vm_.call(KVM_GET_IRQCHIP, &chip, "read its I/O APIC"));
  const kvm_ioapic_state& io_apic = chip.chip.ioapic;
  state.io_apic.base = io_apic.base_address;
  state.io_apic.select = io_apic.ioregsel;
  state.io_apic.id = io_apic.id;
  state.io_apic.irr = io_apic.irr;
  std::ranges::transform(io_apic.redirtbl, state.io_apic.redirections.begin(),
                         [](const auto& entry) { return entry.bits; });
  return state;
}

Result<> KvmInterruptController::set_state(const ControllerState& state) {
  kvm_irqchip chip{};
  for (const __u32 id : {KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE}) {
    chip.chip_id = id;
    chip.chip.pic = std::bit_cast<kvm_pic_state>(state.pics[id]);
    ORRERY_CHECK(vm_.call(KVM_SET_IRQCHIP, &chip, "write its 8259s"));
  }
  chip.chip_id = KVM_IRQCHIP_IOAPIC;
  kvm_ioapic_state& io_apic = chip.chip.ioapic;
  io_apic = {};
  io_apic.base_address = state.io_apic.base;
  io_apic.ioregsel = state.io_apic.select;
  io_apic.id = state.io_apic.id;
  io_apic.irr = state.io_apic.irr;
  for (std::size_t n = 0; n < state.io_apic.redirections.size(); ++n) {
    io_apic.redirtbl[n].bits = state.io_apic.redirections[n];
  }
  ORRERY_CHECK(vm_.call(KVM_SET_IRQCHIP, &chip, "write its I/O APIC"));
  return {};
}

Result<std::unique_ptr<InterruptEvent>> KvmInterruptController::create_event() {
  FileDescriptor descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!descriptor) return fail_errno("cannot create an event for an interrupt");
  ORRERY_TRY(const std::uint32_t gsi, routes_.allocate());
  return std::make_unique<Event>(vm_, routes_, std::move(descriptor), gsi);
}

}  // namespace orrery::hypervisor::kvm
