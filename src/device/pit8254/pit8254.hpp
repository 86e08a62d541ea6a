// The 8254 programmable interval timer of a PC, with port 61h (Intel 8254 datasheet).
//
// Region 0: counters 0 to 2 and the control word (ports 40h to 43h). Region 1: port 61h.
// Line 0: OUT of counter 0. Counter 1 paces the refresh bit only; counter 2 is the speaker's, whose
// gate and output are bits of port 61h.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "device/device.hpp"
#include "device/host.hpp"
#include "device/pit8254/counter.hpp"
#include "device/pit8254/registers.hpp"

namespace orrery::device::pit8254 {

class Pit8254 : public Device {
 public:
  static constexpr unsigned kCounters = 0;
  static constexpr unsigned kPort61 = 1;

  explicit Pit8254(Host& host);

  std::string_view name() const override { return "pit8254"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  struct Registers {
    std::array<Counter, 3> counters;
    std::uint8_t port61 = 0;

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("counters", self.counters);
      archive("port61", self.port61);
    }
  };

  Clocks clocks() const;
  std::uint8_t read_port61();
  void write_control(std::uint8_t value);
  void ring();
  void update_output();
  void schedule(Clocks now);

  Host& host_;
  std::unique_ptr<Timer> timer_;
  Registers r_;
};

}  // namespace orrery::device::pit8254
