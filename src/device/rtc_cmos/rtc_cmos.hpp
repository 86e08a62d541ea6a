// The MC146818A real-time clock with the PC's CMOS memory (Motorola datasheet ADI856).
//
// Region 0: index (70h) and data (71h). Line 0: the interrupt (IRQ 8). The clock runs with the
// machine's; what it shows at power-up is given.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "device/device.hpp"
#include "device/host.hpp"
#include "device/rtc_cmos/calendar.hpp"
#include "device/rtc_cmos/registers.hpp"

namespace orrery::device::rtc_cmos {

class RtcCmos : public Device {
 public:
  static constexpr unsigned kLines = 1;
  // Whoever writes there need not wait until the write has arrived.
  static constexpr std::uint64_t kEarlyWrite = 0;  // the index port

  // EPOCH: nanoseconds from 1970-01-01 00:00 UTC to the machine's time 0. HOST outlives the device.
  RtcCmos(Host& host, Ticks epoch);

  // For the machine's firmware part: a byte of CMOS memory behind the clock's registers.
  void set_cmos(std::uint8_t index, std::uint8_t value);

  std::string_view name() const override { return "rtc-cmos"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  // Battery-backed: time, alarm and memory stay.
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  struct Registers {
    std::uint8_t index = 0;
    std::int64_t offset = 0;   // clock's time minus machine's, in ns
    std::int64_t settled = 0;  // clock's time up to which flags are right
    TimeRegisters time{};      // alarms always; the rest while SET freezes the clock
    std::uint8_t a = register_a::kFirmware;
    std::uint8_t b = register_b::k24Hours;
    std::uint8_t c = 0;
    std::array<std::uint8_t, kBytes> memory{};

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("index", self.index);
      archive("offset", self.offset);
      archive("settled", self.settled);
      archive("time", self.time);
      archive("a", self.a);
      archive("b", self.b);
      archive("c", self.c);
      archive("memory", self.memory);
    }
    bool valid() const;
  };

  bool frozen() const { return (r_.b & register_b::kSet) != 0; }
  Format format() const { return Format(r_.b); }
  std::int64_t clock() const { return host_.now().value() + r_.offset; }
  std::int64_t period() const;  // of the periodic interrupt; 0: none
  std::int64_t alarm_distance(std::int64_t second) const;
  std::optional<std::int64_t> next_alarm(std::int64_t after, std::int64_t until) const;

  std::uint8_t read_data();
  void write_data(std::uint8_t value);
  void write_time(std::uint8_t index, std::uint8_t value);
  void write_b(std::uint8_t value);
  std::uint8_t read_a() const;
  std::uint8_t read_c();
  void freeze();
  void thaw();
  // Sets the flags of what happened until now.
  void settle();
  // Interrupt line and timer.
  void update();
  std::optional<std::int64_t> next_event() const;

  Host& host_;
  std::unique_ptr<Timer> timer_;
  Registers r_;
};

}  // namespace orrery::device::rtc_cmos
