// The two 8259A interrupt controllers of a PC, the second cascaded into input 2 of the first
// (Intel 8259A datasheet, "Cascade Mode").
//
// Regions 0 and 1: the two ports of the master (20h) and the slave (A0h). Region 2: the edge/level
// control registers (4D0h, 4D1h).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "device/device.hpp"
#include "device/pic8259/chip.hpp"

namespace orrery::device::pic8259 {

class Pic8259 : public Device {
 public:
  static constexpr unsigned kMaster = 0;
  static constexpr unsigned kSlave = 1;
  static constexpr unsigned kElcr = 2;
  static constexpr unsigned kIrqs = 16;

  // `interrupt` is told the level of the master's INT output whenever it may have changed.
  explicit Pic8259(std::function<void(bool)> interrupt);

  void set_irq(unsigned irq, bool level);
  bool interrupt() const { return chips_[kMaster].output(); }
  // The processor's two INTA cycles: the vector.
  std::uint8_t acknowledge();

  std::string_view name() const override { return "pic8259"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  void update();

  std::function<void(bool)> interrupt_;
  std::array<Chip, 2> chips_;
};

}  // namespace orrery::device::pic8259
