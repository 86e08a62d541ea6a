// The PC's keyboard controller and what is said to PS/2 devices through it (Intel 8042 as IBM's
// PS/2 Hardware Interface Technical Reference describes it, "Keyboard and Auxiliary Device
// Controller", "Keyboard" and "Mouse").
#pragma once

#include <cstdint>

namespace orrery::device::i8042 {

namespace status {
inline constexpr std::uint8_t kOutputFull = 1u << 0;
inline constexpr std::uint8_t kSystem = 1u << 2;   // self-test passed
inline constexpr std::uint8_t kCommand = 1u << 3;  // the last write was to the command port
inline constexpr std::uint8_t kUnlocked = 1u << 4;
inline constexpr std::uint8_t kAuxiliary = 1u << 5;  // the waiting byte is the mouse's
}  // namespace status

// The controller's command byte.
namespace configuration {
inline constexpr std::uint8_t kKeyboardInterrupt = 1u << 0;
inline constexpr std::uint8_t kAuxiliaryInterrupt = 1u << 1;
inline constexpr std::uint8_t kSystem = 1u << 2;
inline constexpr std::uint8_t kKeyboardDisabled = 1u << 4;
inline constexpr std::uint8_t kAuxiliaryDisabled = 1u << 5;
inline constexpr std::uint8_t kTranslate = 1u << 6;
inline constexpr std::uint8_t kPowerUp =
    kKeyboardInterrupt | kSystem | kAuxiliaryDisabled | kTranslate;
}  // namespace configuration

enum class Command : std::uint8_t {
  kReadConfiguration = 0x20,
  kWriteConfiguration = 0x60,
  kDisableAuxiliary = 0xa7,
  kEnableAuxiliary = 0xa8,
  kTestAuxiliary = 0xa9,
  kSelfTest = 0xaa,
  kTestKeyboard = 0xab,
  kDisableKeyboard = 0xad,
  kEnableKeyboard = 0xae,
  kReadInputPort = 0xc0,
  kReadOutputPort = 0xd0,
  kWriteOutputPort = 0xd1,
  kWriteKeyboardBuffer = 0xd2,
  kWriteAuxiliaryBuffer = 0xd3,
  kWriteAuxiliary = 0xd4,
  kPulse = 0xf0,  // to 0xff: pulses the output bits that are 0 in its low half
};

inline constexpr std::uint8_t kSelfTestPassed = 0x55;
inline constexpr std::uint8_t kInterfaceTestPassed = 0x00;
inline constexpr std::uint8_t kInputPort = 0x80;    // not locked
inline constexpr std::uint8_t kNotReset = 1u << 0;  // output port: low resets the machine
inline constexpr std::uint8_t kA20 = 1u << 1;
inline constexpr std::uint8_t kOutputPortPowerUp = 0xc0 | kNotReset | kA20;

// Answers and commands of PS/2 devices.
namespace ps2 {
inline constexpr std::uint8_t kAcknowledge = 0xfa;
inline constexpr std::uint8_t kResend = 0xfe;
inline constexpr std::uint8_t kTestPassed = 0xaa;
inline constexpr std::uint8_t kBreak = 0xf0;  // scan code set 2: the next code is a release

inline constexpr std::uint8_t kIdentify = 0xf2;
inline constexpr std::uint8_t kSetRate = 0xf3;
inline constexpr std::uint8_t kEnable = 0xf4;
inline constexpr std::uint8_t kDisable = 0xf5;
inline constexpr std::uint8_t kSetDefaults = 0xf6;
inline constexpr std::uint8_t kReset = 0xff;
}  // namespace ps2

namespace keyboard_command {
inline constexpr std::uint8_t kSetIndicators = 0xed;
inline constexpr std::uint8_t kEcho = 0xee;
inline constexpr std::uint8_t kScanCodeSet = 0xf0;
}  // namespace keyboard_command

namespace mouse_command {
inline constexpr std::uint8_t kScaling1To1 = 0xe6;
inline constexpr std::uint8_t kScaling2To1 = 0xe7;
inline constexpr std::uint8_t kSetResolution = 0xe8;
inline constexpr std::uint8_t kStatus = 0xe9;
inline constexpr std::uint8_t kStreamMode = 0xea;
inline constexpr std::uint8_t kReadData = 0xeb;
inline constexpr std::uint8_t kResetWrap = 0xec;
inline constexpr std::uint8_t kWrapMode = 0xee;
inline constexpr std::uint8_t kRemoteMode = 0xf0;
}  // namespace mouse_command

}  // namespace orrery::device::i8042
