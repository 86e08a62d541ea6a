// The debug-exit port of test guests: a write ends the machine, and what was written becomes its
// exit status, (value << 1) | 1. No real PC has it; it is there only when configured.
//
// Region 0: four ports from F4h, of which only the first is written. Reads give 0, by which test
// guests know that the port exists.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "device/device.hpp"

namespace orrery::device::debug_exit {

inline constexpr std::uint16_t kPort = 0xf4;
inline constexpr unsigned kPorts = 4;

class DebugExit : public Device {
 public:
  explicit DebugExit(std::function<void(std::uint32_t)> exit) : exit_(std::move(exit)) {}

  std::string_view name() const override { return "debug-exit"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override {}
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  std::function<void(std::uint32_t)> exit_;
};

}  // namespace orrery::device::debug_exit
