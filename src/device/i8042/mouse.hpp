// A PS/2 mouse with a wheel (IBM PS/2 Hardware Interface Technical Reference, "Mouse"; the wheel is
// recognized as Microsoft's IntelliMouse is: rates 200, 100, 80, then identify).
#pragma once

#include <array>
#include <cstdint>

#include "device/i8042/byte_queue.hpp"

namespace orrery::device::i8042 {

struct Movement {
  int x = 0;                 // to the right
  int y = 0;                 // up
  int wheel = 0;             // towards the user
  std::uint8_t buttons = 0;  // bit 0 left, 1 right, 2 middle
};

class Mouse {
 public:
  // Adds up until a report can be sent.
  void move(const Movement& movement);
  // False where a report would have to wait, and a click that is over by then be lost.
  bool has_room() const { return !reporting_ || remote_ || output_.room() >= kLongestReport; }
  void write(std::uint8_t value);

  ByteQueue& output() { return output_; }

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("output", self.output_);
    archive("command", self.command_);
    archive("reporting", self.reporting_);
    archive("remote", self.remote_);
    archive("wrap", self.wrap_);
    archive("scaling", self.scaling_);
    archive("wheel", self.wheel_);
    archive("resolution", self.resolution_);
    archive("rates", self.rates_);
    archive("x", self.x_);
    archive("y", self.y_);
    archive("z", self.z_);
    archive("buttons", self.buttons_);
  }

 private:
  static constexpr std::size_t kLongestReport = 4;

  void set_defaults();
  void write_parameter(std::uint8_t command, std::uint8_t value);
  void push_report();
  std::uint8_t status() const;

  ByteQueue output_;
  std::uint8_t command_ = 0;
  bool reporting_ = false;
  bool remote_ = false;
  bool wrap_ = false;
  bool scaling_ = false;
  bool wheel_ = false;
  std::uint8_t resolution_ = 2;
  std::array<std::uint8_t, 3> rates_{0, 0, 100};  // the last three that were set
  std::int16_t x_ = 0;
  std::int16_t y_ = 0;
  std::int16_t z_ = 0;
  std::uint8_t buttons_ = 0;
};

}  // namespace orrery::device::i8042
