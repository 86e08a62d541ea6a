// The I/O APIC: 24 interrupt inputs, each with a redirection entry that says which processors get
// which vector (Intel 82093AA datasheet).
//
// Region 0: the memory-mapped page. Inputs are logical levels ("asserted"): the polarity bit is
// stored and means nothing more, since the wires of this machine have no voltage.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "device/device.hpp"
#include "device/interrupt_message.hpp"
#include "device/ioapic/registers.hpp"

namespace orrery::device::ioapic {

class IoApic : public Device {
 public:
  using Deliver = std::function<void(const InterruptMessage&)>;

  explicit IoApic(Deliver deliver);

  void set_pin(unsigned pin, bool asserted);
  // A local APIC broadcasts the end of a level-triggered interrupt.
  void end_of_interrupt(std::uint8_t vector);

  std::string_view name() const override { return "ioapic"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  struct Registers {
    std::uint8_t select = 0;
    std::uint32_t id = 0;
    std::uint32_t inputs = 0;  // level of each pin
    std::array<std::uint64_t, kPins> entries{};

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("select", self.select);
      archive("id", self.id);
      archive("inputs", self.inputs);
      archive("entries", self.entries);
    }
  };

  std::uint32_t read_indirect() const;
  void write_indirect(std::uint32_t value);
  void write_entry(unsigned pin, bool high_half, std::uint32_t value);
  // Sends the interrupt of a level-triggered pin that is asserted and waits for no EOI.
  void service_level(unsigned pin);
  void send(std::uint64_t entry);

  Deliver deliver_;
  Registers r_;
};

}  // namespace orrery::device::ioapic
