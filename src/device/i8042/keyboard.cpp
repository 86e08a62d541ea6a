#include "device/i8042/keyboard.hpp"

#include <utility>

#include "device/i8042/registers.hpp"

namespace orrery::device::i8042 {

using namespace keyboard_command;

void Keyboard::type(ByteSpan scan_code) {
  if (!scanning_ || output_.room() < scan_code.size()) return;
  for (const std::byte byte : scan_code) output_.push({std::to_integer<std::uint8_t>(byte)});
}

void Keyboard::set_defaults() {
  output_.clear();
  rate_ = 0x2b;
  scan_code_set_ = 2;
}

void Keyboard::write(std::uint8_t value) {
  // A command in place of a parameter is that command.
  if (const std::uint8_t command = std::exchange(command_, 0); command != 0 && value < 0xed) {
    return write_parameter(command, value);
  }
  switch (value) {
    case kSetIndicators:
    case kScanCodeSet:
    case ps2::kSetRate: command_ = value; break;
    case kEcho: return output_.push({kEcho});
    case ps2::kIdentify: return output_.push({ps2::kAcknowledge, 0xab, 0x83});
    case ps2::kEnable:
      output_.clear();
      scanning_ = true;
      break;
    case ps2::kDisable:
    case ps2::kSetDefaults:
      set_defaults();
      scanning_ = value == ps2::kSetDefaults;
      break;
    case ps2::kReset:
      set_defaults();
      scanning_ = true;
      indicators_ = 0;
      return output_.push({ps2::kAcknowledge, ps2::kTestPassed});
    default: return output_.push({ps2::kResend});
  }
  output_.push({ps2::kAcknowledge});
}

void Keyboard::write_parameter(std::uint8_t command, std::uint8_t value) {
  output_.push({ps2::kAcknowledge});
  switch (command) {
    case kSetIndicators: indicators_ = value & 7; break;
    case ps2::kSetRate: rate_ = value & 0x7f; break;
    case kScanCodeSet:
      if (value == 0) output_.push({scan_code_set_});
      if (value >= 1 && value <= 3) scan_code_set_ = value;
      break;
    default: break;
  }
}

}  // namespace orrery::device::i8042
