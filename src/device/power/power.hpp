// ACPI fixed hardware: power button, sleep control (soft-off), the power management timer, and one
// general-purpose event block (ACPI 6.5, 4.8).
//
// Regions: registers.hpp. Line 0: the system control interrupt (SCI, IRQ 9, level). The machine is
// always in ACPI mode (SCI_EN reads as one, FADT.SMI_CMD is 0).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "device/device.hpp"
#include "device/host.hpp"
#include "device/power/registers.hpp"

namespace orrery::device::power {

class Power : public Device {
 public:
  explicit Power(Host& host);

  // Somebody presses the power button; with the device's lock held.
  void press_power_button();

  std::string_view name() const override { return "acpi-pm"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  struct Registers {
    std::uint16_t status = 0;
    std::uint16_t enable = 0;
    std::uint16_t control = 0;
    std::uint16_t general_status = 0;
    std::uint16_t general_enable = 0;
    bool timer_high = false;  // TMR_VAL's highest bit when last looked at

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("status", self.status);
      archive("enable", self.enable);
      archive("control", self.control);
      archive("general_status", self.general_status);
      archive("general_enable", self.general_enable);
      archive("timer_high", self.timer_high);
    }
  };

  std::uint32_t timer_value() const;
  std::uint32_t register_value(unsigned region);
  void write_byte(unsigned region, unsigned offset, std::uint8_t value);
  void write_control(unsigned offset, std::uint8_t value);
  void settle_timer();
  void update();
  // The SCI's level, and the timer for its next change.
  void publish();

  Host& host_;
  std::unique_ptr<Timer> timer_;
  Registers r_;
};

}  // namespace orrery::device::power
