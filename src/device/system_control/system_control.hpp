// System control port A (PS/2 technical reference; PIIX datasheet, 2.5.6 "Port 92h"): fast reset
// and the A20 gate. Address line 20 is never masked here, so its bit is only stored.
//
// Region 0: port 92h.
#pragma once

#include <cstdint>
#include <string_view>

#include "device/device.hpp"
#include "device/host.hpp"

namespace orrery::device::system_control {

inline constexpr std::uint16_t kPort = 0x92;
inline constexpr std::uint8_t kFastReset = 1u << 0;
inline constexpr std::uint8_t kA20 = 1u << 1;

class SystemControl : public Device {
 public:
  explicit SystemControl(Host& host) : host_(host) {}

  std::string_view name() const override { return "system-control"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override { r_ = {}; }
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  struct Registers {
    std::uint8_t value = kA20;

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("value", self.value);
    }
  };

  Host& host_;
  Registers r_;
};

}  // namespace orrery::device::system_control
