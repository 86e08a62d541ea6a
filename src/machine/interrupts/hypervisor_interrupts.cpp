#include "machine/interrupts/hypervisor_interrupts.hpp"

#include <utility>

#include "base/format.hpp"
#include "device/fields.hpp"

namespace orrery::device {

template <>
struct FieldsOf<hypervisor::PicState> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("last_irr", self.last_irr);
    archive("irr", self.irr);
    archive("imr", self.imr);
    archive("isr", self.isr);
    archive("priority_add", self.priority_add);
    archive("irq_base", self.irq_base);
    archive("read_register_select", self.read_register_select);
    archive("poll", self.poll);
    archive("special_mask", self.special_mask);
    archive("initialization", self.initialization);
    archive("auto_eoi", self.auto_eoi);
    archive("rotate_on_auto_eoi", self.rotate_on_auto_eoi);
    archive("special_fully_nested_mode", self.special_fully_nested_mode);
    archive("wants_icw4", self.wants_icw4);
    archive("elcr", self.elcr);
    archive("elcr_mask", self.elcr_mask);
  }
};

template <>
struct FieldsOf<hypervisor::IoApicState> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("base", self.base);
    archive("select", self.select);
    archive("id", self.id);
    archive("irr", self.irr);
    archive("redirections", self.redirections);
  }
};

template <>
struct FieldsOf<hypervisor::LocalApicState> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("base", self.base);
    archive("registers", self.registers);
    archive("tsc_deadline", self.tsc_deadline);
    archive("time_stamp", self.time_stamp);
  }
};

}  // namespace orrery::device

namespace orrery::machine {
namespace {

constexpr const char* kModel = "hypervisor-interrupts";
constexpr unsigned kVersion = 1;

}  // namespace

struct HypervisorInterrupts::Saved {
  hypervisor::ControllerState controllers;
  std::vector<hypervisor::LocalApicState> local_apics;

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("pics", self.controllers.pics);
    archive("io_apic", self.controllers.io_apic);
    archive("local_apics", self.local_apics);
  }
};

HypervisorInterrupts::HypervisorInterrupts(hypervisor::InterruptController& controller)
    : controller_(controller) {}

HypervisorInterrupts::~HypervisorInterrupts() = default;

Result<> HypervisorInterrupts::attach(std::vector<hypervisor::Vcpu*> vcpus) {
  vcpus_ = std::move(vcpus);
  ORRERY_TRY(Saved saved, read());
  // A reset does not set the time-stamp counter back, as the machine's time goes on.
  for (hypervisor::LocalApicState& apic : saved.local_apics) apic.time_stamp.reset();
  power_up_ = std::make_unique<Saved>(std::move(saved));
  return {};
}

Result<HypervisorInterrupts::Saved> HypervisorInterrupts::read() const {
  Saved saved;
  ORRERY_TRY(saved.controllers, controller_.state());
  for (const hypervisor::Vcpu* vcpu : vcpus_) {
    ORRERY_TRY(auto apic, vcpu->local_apic());
    saved.local_apics.push_back(apic);
  }
  return saved;
}

Result<> HypervisorInterrupts::write(const Saved& saved) {
  ORRERY_CHECK(controller_.set_state(saved.controllers));
  for (std::size_t n = 0; n < vcpus_.size(); ++n) {
    ORRERY_CHECK(vcpus_[n]->set_local_apic(saved.local_apics[n]));
  }
  return {};
}

Result<> HypervisorInterrupts::reset() {
  return write(*power_up_);
}

Result<device::State> HypervisorInterrupts::save() const {
  ORRERY_TRY(const Saved saved, read());
  return device::save_fields(kModel, kVersion, saved);
}

Result<> HypervisorInterrupts::restore(const device::State& tree) {
  Saved saved;
  ORRERY_CHECK(device::restore_fields(kModel, kVersion, tree, saved));
  if (saved.local_apics.size() != vcpus_.size()) {
    return fail(format("saved state of the interrupt controllers: it is for {} vCPUs, not {}",
                       saved.local_apics.size(), vcpus_.size()));
  }
  return write(saved);
}

}  // namespace orrery::machine
