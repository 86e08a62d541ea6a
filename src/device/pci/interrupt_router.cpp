#include "device/pci/interrupt_router.hpp"

namespace orrery::device::pci {

unsigned InterruptRouter::line_of(unsigned slot, Pin pin) {
  return (slot + kPirqCount - 1 + static_cast<unsigned>(pin) - 1) % kPirqCount;
}

void InterruptRouter::set_pin(unsigned slot, Pin pin, bool asserted) {
  if (pin == Pin::kNone || slot >= kSlotCount) return;
  const std::lock_guard lock(mutex_);
  const std::uint16_t before = asserted_irqs();
  std::uint32_t& slots = slots_[line_of(slot, pin) * 4 + static_cast<unsigned>(pin) - 1];
  const std::uint32_t mask = 1u << slot;
  slots = asserted ? slots | mask : slots & ~mask;
  publish(before);
}

void InterruptRouter::set_route(unsigned line, std::optional<std::uint8_t> irq) {
  const std::lock_guard lock(mutex_);
  const std::uint16_t before = asserted_irqs();
  routes_.at(line) = irq;
  publish(before);
}

std::optional<std::uint8_t> InterruptRouter::route(unsigned line) const {
  const std::lock_guard lock(mutex_);
  return routes_.at(line);
}

std::uint16_t InterruptRouter::asserted_irqs() const {
  std::uint16_t irqs = 0;
  for (unsigned line = 0; line < kPirqCount; ++line) {
    const std::optional<std::uint8_t>& route = routes_[line];
    if (!route) continue;
    std::uint32_t any = 0;
    for (unsigned pin = 0; pin < 4; ++pin) any |= slots_[line * 4 + pin];
    if (any != 0) irqs = static_cast<std::uint16_t>(irqs | (1u << *route));
  }
  return irqs;
}

void InterruptRouter::publish(std::uint16_t before) {
  const std::uint16_t now = asserted_irqs();
  for (unsigned irq = 0; irq < 16; ++irq) {
    const std::uint16_t mask = static_cast<std::uint16_t>(1u << irq);
    if (((before ^ now) & mask) != 0) sink_(irq, (now & mask) != 0);
  }
}

}  // namespace orrery::device::pci
