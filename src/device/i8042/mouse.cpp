#include "device/i8042/mouse.hpp"

#include <algorithm>
#include <utility>

#include "device/i8042/registers.hpp"

namespace orrery::device::i8042 {
namespace {

using namespace mouse_command;

constexpr std::array<std::uint8_t, 3> kWheelKnock{200, 100, 80};

std::int16_t add(std::int16_t sum, int more) {
  constexpr int kFarthest = 4096;
  return static_cast<std::int16_t>(
      std::clamp(sum + std::clamp(more, -kFarthest, kFarthest), -kFarthest, kFarthest));
}

}  // namespace

void Mouse::move(const Movement& movement) {
  x_ = add(x_, movement.x);
  y_ = add(y_, movement.y);
  z_ = add(z_, movement.wheel);
  buttons_ = movement.buttons & 7;
  if (reporting_ && !remote_) push_report();
}

// First byte: overflow 7..6, signs 5..4, always one 3, buttons 2..0; then X, Y and the wheel.
void Mouse::push_report() {
  if (output_.room() < kLongestReport) return;
  const int x = std::clamp<int>(x_, -255, 255);
  const int y = std::clamp<int>(y_, -255, 255);
  const int z = std::clamp<int>(z_, -8, 7);
  const auto first =
      static_cast<std::uint8_t>(0x08 | buttons_ | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0));
  output_.push({first, static_cast<std::uint8_t>(x), static_cast<std::uint8_t>(y)});
  if (wheel_) output_.push({static_cast<std::uint8_t>(z)});
  x_ = static_cast<std::int16_t>(x_ - x);
  y_ = static_cast<std::int16_t>(y_ - y);
  z_ = wheel_ ? static_cast<std::int16_t>(z_ - z) : std::int16_t{0};
}

void Mouse::set_defaults() {
  reporting_ = remote_ = scaling_ = false;
  resolution_ = 2;
  rates_ = {0, 0, 100};
  x_ = y_ = z_ = 0;
}

std::uint8_t Mouse::status() const {
  return static_cast<std::uint8_t>((remote_ ? 0x40 : 0) | (reporting_ ? 0x20 : 0) |
                                   (scaling_ ? 0x10 : 0) | (buttons_ & 1) << 2 |
                                   (buttons_ & 4) >> 1 | (buttons_ & 2) >> 1);
}

void Mouse::write(std::uint8_t value) {
  if (wrap_ && value != kResetWrap && value != ps2::kReset) return output_.push({value});
  if (const std::uint8_t command = std::exchange(command_, 0); command != 0) {
    return write_parameter(command, value);
  }
  output_.clear();
  output_.push({ps2::kAcknowledge});
  switch (value) {
    case kScaling1To1: scaling_ = false; break;
    case kScaling2To1: scaling_ = true; break;
    case kSetResolution:
    case ps2::kSetRate: command_ = value; break;
    case kStatus: output_.push({status(), resolution_, rates_.back()}); break;
    case kStreamMode: remote_ = false; break;
    case kRemoteMode: remote_ = true; break;
    case kReadData: push_report(); break;
    case kWrapMode: wrap_ = true; break;
    case kResetWrap: wrap_ = false; break;
    case ps2::kIdentify: output_.push({static_cast<std::uint8_t>(wheel_ ? 3 : 0)}); break;
    case ps2::kEnable: reporting_ = true; break;
    case ps2::kDisable: reporting_ = false; break;
    case ps2::kSetDefaults: set_defaults(); break;
    case ps2::kReset:
      set_defaults();
      wheel_ = wrap_ = false;
      output_.push({ps2::kTestPassed, 0});
      break;
    default: output_.clear(); output_.push({ps2::kResend});
  }
}

void Mouse::write_parameter(std::uint8_t command, std::uint8_t value) {
  output_.push({ps2::kAcknowledge});
  if (command == kSetResolution) {
    resolution_ = value & 3;
    return;
  }
  rates_ = {rates_[1], rates_[2], value};
  if (rates_ == kWheelKnock) wheel_ = true;
}

}  // namespace orrery::device::i8042
