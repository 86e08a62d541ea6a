#include "device/i8042/i8042.hpp"

#include <utility>
#include <variant>
#include <vector>

#include "device/i8042/key_codes.hpp"

namespace orrery::device::i8042 {

void I8042::reset() {
  r_ = {};
  update_lines();
  offer_again();
}

void I8042::attach(port::Input& input) {
  input_ = &input;
  input.set_receiver(
      host_.serialized([this](const port::InputEvent& event) { return receive(event); }));
}

bool I8042::receive(const port::InputEvent& event) {
  if (const auto* const key = std::get_if<port::KeyEvent>(&event)) {
    const std::vector<std::byte> code = scan_code(*key);
    refused_ = !r_.keyboard.has_room(code.size());
    if (!refused_) type(code);
  } else {
    const auto& pointer = std::get<port::PointerEvent>(event);
    refused_ = !r_.mouse.has_room();
    if (!refused_) move({pointer.x, -pointer.y, pointer.wheel, pointer.buttons});
  }
  return !refused_;
}

void I8042::offer_again() {
  if (!refused_ || !r_.keyboard.has_room(kLongestScanCode) || !r_.mouse.has_room()) return;
  refused_ = false;
  input_->resume();
}

void I8042::type(ByteSpan scan_code) {
  r_.keyboard.type(scan_code);
  fill();
}

void I8042::move(const Movement& movement) {
  r_.mouse.move(movement);
  fill();
}

std::uint64_t I8042::read(unsigned region, std::uint64_t offset, Width width) {
  if (width != Width::k8 || offset != 0) return mask_of(width);
  return region == kData ? read_data() : status();
}

void I8042::write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) {
  if (width != Width::k8 || offset != 0) return;
  const auto byte = static_cast<std::uint8_t>(value);
  r_.last_was_command = region == kCommandStatus;
  if (r_.last_was_command) {
    write_command(byte);
  } else {
    write_data(byte);
  }
  fill();
}

std::uint8_t I8042::status() const {
  std::uint8_t value = status::kUnlocked;
  if (r_.output_full) value |= status::kOutputFull;
  if (r_.output_full && r_.from_auxiliary) value |= status::kAuxiliary;
  if (r_.last_was_command) value |= status::kCommand;
  if ((r_.configuration & configuration::kSystem) != 0) value |= status::kSystem;
  return value;
}

std::uint8_t I8042::read_data() {
  const std::uint8_t value = r_.data;
  r_.output_full = false;
  update_lines();
  fill();
  return value;
}

void I8042::present(std::uint8_t value, bool from_auxiliary) {
  // The lines fall first: a byte that replaces another is a new edge.
  r_.output_full = false;
  update_lines();
  r_.data = value;
  r_.from_auxiliary = from_auxiliary;
  r_.output_full = true;
  update_lines();
}

void I8042::fill() {
  using namespace configuration;
  while (!r_.output_full && (r_.configuration & kKeyboardDisabled) == 0) {
    const auto byte = r_.keyboard.output().pop();
    if (!byte) break;
    const auto shown = (r_.configuration & kTranslate) != 0 ? r_.translation(*byte)
                                                            : std::optional<std::uint8_t>(*byte);
    if (shown) present(*shown, false);
  }
  if (!r_.output_full && (r_.configuration & kAuxiliaryDisabled) == 0) {
    if (const auto byte = r_.mouse.output().pop()) present(*byte, true);
  }
  offer_again();
}

void I8042::update_lines() {
  using namespace configuration;
  const bool auxiliary = r_.output_full && r_.from_auxiliary;
  const bool keyboard = r_.output_full && !r_.from_auxiliary;
  host_.set_line(kKeyboardLine, keyboard && (r_.configuration & kKeyboardInterrupt) != 0);
  host_.set_line(kAuxiliaryLine, auxiliary && (r_.configuration & kAuxiliaryInterrupt) != 0);
}

void I8042::write_data(std::uint8_t value) {
  if (const std::uint8_t command = std::exchange(r_.command, 0); command != 0) {
    return write_parameter(static_cast<Command>(command), value);
  }
  set_configuration(configuration::kKeyboardDisabled, false);  // sending enables the interface
  r_.keyboard.write(value);
}

void I8042::write_parameter(Command command, std::uint8_t value) {
  switch (command) {
    case Command::kWriteConfiguration:
      r_.configuration = value;
      update_lines();
      break;
    case Command::kWriteOutputPort: write_output_port(value); break;
    case Command::kWriteKeyboardBuffer: present(value, false); break;
    case Command::kWriteAuxiliaryBuffer: present(value, true); break;
    case Command::kWriteAuxiliary:
      set_configuration(configuration::kAuxiliaryDisabled, false);
      r_.mouse.write(value);
      break;
    default: break;
  }
}

void I8042::write_output_port(std::uint8_t value) {
  r_.output_port = value | kNotReset;
  if ((value & kNotReset) == 0) host_.request_power(PowerRequest::kReset);
}

void I8042::write_command(std::uint8_t value) {
  using namespace configuration;
  r_.command = 0;
  switch (static_cast<Command>(value)) {
    case Command::kReadConfiguration: return present(r_.configuration, false);
    case Command::kWriteConfiguration:
    case Command::kWriteOutputPort:
    case Command::kWriteKeyboardBuffer:
    case Command::kWriteAuxiliaryBuffer:
    case Command::kWriteAuxiliary: r_.command = value; return;
    case Command::kDisableAuxiliary: return set_configuration(kAuxiliaryDisabled, true);
    case Command::kEnableAuxiliary: return set_configuration(kAuxiliaryDisabled, false);
    case Command::kDisableKeyboard: return set_configuration(kKeyboardDisabled, true);
    case Command::kEnableKeyboard: return set_configuration(kKeyboardDisabled, false);
    case Command::kTestAuxiliary:
    case Command::kTestKeyboard: return present(kInterfaceTestPassed, false);
    case Command::kSelfTest: r_.configuration |= kSystem; return present(kSelfTestPassed, false);
    case Command::kReadInputPort: return present(kInputPort, false);
    case Command::kReadOutputPort: return present(r_.output_port, false);
    default: break;
  }
  const bool pulses_reset =
      value >= static_cast<std::uint8_t>(Command::kPulse) && (value & kNotReset) == 0;
  if (pulses_reset) host_.request_power(PowerRequest::kReset);
}

void I8042::set_configuration(std::uint8_t which, bool on) {
  r_.configuration =
      static_cast<std::uint8_t>(on ? r_.configuration | which : r_.configuration & ~which);
}

}  // namespace orrery::device::i8042
