#include "hypervisor/kvm/interrupt_routes.hpp"

#include <memory>

#include "hypervisor/kvm/variable_length.hpp"

namespace orrery::hypervisor::kvm {
namespace {

constexpr std::uint32_t kLines = 24;  // inputs of the I/O APIC
constexpr std::uint32_t kIsaLines = 16;
constexpr std::uint32_t kTimerLine = 0;
constexpr std::uint32_t kCascade = 2;
constexpr std::uint32_t kMostMessages = 512;
constexpr std::size_t kMostRoutes = kIsaLines + kLines + kMostMessages;

using Table = VariableLength<kvm_irq_routing_entry, kMostRoutes>;

void add_pin(Table& table, std::uint32_t gsi, std::uint32_t chip, std::uint32_t pin) {
  kvm_irq_routing_entry& entry = table.entries[table.header.count++];
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_IRQCHIP;
  entry.u.irqchip.irqchip = chip;
  entry.u.irqchip.pin = pin;
}

// The timer is wired to input 2 of the I/O APIC; the cascade is not wired there (MADT interrupt
// source override).
void add_lines(Table& table) {
  for (std::uint32_t gsi = 0; gsi < kLines; ++gsi) {
    if (gsi < kIsaLines) {
      add_pin(table, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
    }
    if (gsi != kCascade) {
      add_pin(table, gsi, KVM_IRQCHIP_IOAPIC, gsi == kTimerLine ? kCascade : gsi);
    }
  }
}

}  // namespace

Result<> InterruptRoutes::set_up() {
  auto messages = messages_.lock();
  return commit(*messages);
}

Result<std::uint32_t> InterruptRoutes::allocate() {
  auto messages = messages_.lock();
  for (std::uint32_t gsi = kLines; gsi < kLines + kMostMessages; ++gsi) {
    if (messages->try_emplace(gsi).second) return gsi;
  }
  return fail("KVM has no more interrupt routes to give; use fewer devices");
}

Result<> InterruptRoutes::set_message(std::uint32_t gsi, std::uint64_t address,
                                      std::uint32_t data) {
  auto messages = messages_.lock();
  (*messages)[gsi] = {address, data, true};
  return commit(*messages);
}

// The route stays in KVM's table until the next commit: nothing signals it any more.
void InterruptRoutes::release(std::uint32_t gsi) {
  messages_.lock()->erase(gsi);
}

Result<> InterruptRoutes::commit(const Messages& messages) {
  const auto table = std::make_unique<Table>();
  add_lines(*table);
  for (const auto& [gsi, message] : messages) {
    if (!message.set) continue;
    kvm_irq_routing_entry& entry = table->entries[table->header.count++];
    entry.gsi = gsi;
    entry.type = KVM_IRQ_ROUTING_MSI;
    entry.u.msi.address_lo = static_cast<__u32>(message.address);
    entry.u.msi.address_hi = static_cast<__u32>(message.address >> 32);
    entry.u.msi.data = message.data;
  }
  ORRERY_CHECK(vm_.call(kSetGsiRouting, table.get(), "route interrupts"));
  return {};
}

}  // namespace orrery::hypervisor::kvm
