// From INTx pins to interrupt requests of the machine: pins are wired to the four lines PIRQA to
// PIRQD, and PIIX3 routes each line to one IRQ (PIIX3 datasheet, 2.2.10 PIRQRC[A:D]).
//
// Pin A of slot s is wired to PIRQ (s - 1) mod 4, pin B to the next, and so on, as on the boards
// that carried a 440FX. An IRQ is asserted while any pin routed to it is.
//
// Threads: may be called from any thread. The sink is called with the router's lock held, on the
// thread that changed a level; it may take an interrupt controller's lock and must not call back.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "device/pci/function.hpp"

namespace orrery::device::pci {

inline constexpr unsigned kPirqCount = 4;

class InterruptRouter {
 public:
  // IRQ number (0 to 15), and its new level.
  using Sink = std::function<void(unsigned irq, bool asserted)>;

  explicit InterruptRouter(Sink sink) : sink_(std::move(sink)) {}

  // The PIRQ line, 0 to 3, that a slot's pin is wired to.
  static unsigned line_of(unsigned slot, Pin pin);

  // Called by the machine when a function drives its Function::kIntxLine.
  void set_pin(unsigned slot, Pin pin, bool asserted);

  // PIRQRC: nothing when the line is not routed.
  void set_route(unsigned line, std::optional<std::uint8_t> irq);
  std::optional<std::uint8_t> route(unsigned line) const;

 private:
  std::uint16_t asserted_irqs() const;
  void publish(std::uint16_t before);

  mutable std::mutex mutex_;  // guards all below
  Sink sink_;
  std::array<std::uint32_t, kPirqCount * 4> slots_{};  // [line * 4 + pin]: one bit per slot
  std::array<std::optional<std::uint8_t>, kPirqCount> routes_{};
};

}  // namespace orrery::device::pci
