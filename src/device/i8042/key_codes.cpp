#include "device/i8042/key_codes.hpp"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace orrery::device::i8042 {
namespace {

// Scan code set 2 (IBM PS/2 Hardware Interface Technical Reference, "Keyboard", "Scan Code Set 2");
// the correspondence to HID usages is that of USB's "Keyboard Scan Code Specification".
// E0xx: two bytes.
struct Row {
  port::Key key;
  std::uint16_t code;
};
constexpr Row kCodes[] = {
    {port::Key{0x04}, 0x1c},   {port::Key{0x05}, 0x32},   {port::Key{0x06}, 0x21},
    {port::Key{0x07}, 0x23},   {port::Key{0x08}, 0x24},   {port::Key{0x09}, 0x2b},
    {port::Key{0x0a}, 0x34},   {port::Key{0x0b}, 0x33},   {port::Key{0x0c}, 0x43},
    {port::Key{0x0d}, 0x3b},   {port::Key{0x0e}, 0x42},   {port::Key{0x0f}, 0x4b},
    {port::Key{0x10}, 0x3a},   {port::Key{0x11}, 0x31},   {port::Key{0x12}, 0x44},
    {port::Key{0x13}, 0x4d},   {port::Key{0x14}, 0x15},   {port::Key{0x15}, 0x2d},
    {port::Key{0x16}, 0x1b},   {port::Key{0x17}, 0x2c},   {port::Key{0x18}, 0x3c},
    {port::Key{0x19}, 0x2a},   {port::Key{0x1a}, 0x1d},   {port::Key{0x1b}, 0x22},
    {port::Key{0x1c}, 0x35},   {port::Key{0x1d}, 0x1a},   {port::Key{0x1e}, 0x16},
    {port::Key{0x1f}, 0x1e},   {port::Key{0x20}, 0x26},   {port::Key{0x21}, 0x25},
    {port::Key{0x22}, 0x2e},   {port::Key{0x23}, 0x36},   {port::Key{0x24}, 0x3d},
    {port::Key{0x25}, 0x3e},   {port::Key{0x26}, 0x46},   {port::Key{0x27}, 0x45},
    {port::Key{0x28}, 0x5a},   {port::Key{0x29}, 0x76},   {port::Key{0x2a}, 0x66},
    {port::Key{0x2b}, 0x0d},   {port::Key{0x2c}, 0x29},   {port::Key{0x2d}, 0x4e},
    {port::Key{0x2e}, 0x55},   {port::Key{0x2f}, 0x54},   {port::Key{0x30}, 0x5b},
    {port::Key{0x31}, 0x5d},   {port::Key{0x33}, 0x4c},   {port::Key{0x34}, 0x52},
    {port::Key{0x35}, 0x0e},   {port::Key{0x36}, 0x41},   {port::Key{0x37}, 0x49},
    {port::Key{0x38}, 0x4a},   {port::Key{0x39}, 0x58},   {port::Key{0x3a}, 0x05},
    {port::Key{0x3b}, 0x06},   {port::Key{0x3c}, 0x04},   {port::Key{0x3d}, 0x0c},
    {port::Key{0x3e}, 0x03},   {port::Key{0x3f}, 0x0b},   {port::Key{0x40}, 0x83},
    {port::Key{0x41}, 0x0a},   {port::Key{0x42}, 0x01},   {port::Key{0x43}, 0x09},
    {port::Key{0x44}, 0x78},   {port::Key{0x45}, 0x07},   {port::Key{0x47}, 0x7e},
    {port::Key{0x49}, 0xe070}, {port::Key{0x4a}, 0xe06c}, {port::Key{0x4b}, 0xe07d},
    {port::Key{0x4c}, 0xe071}, {port::Key{0x4d}, 0xe069}, {port::Key{0x4e}, 0xe07a},
    {port::Key{0x4f}, 0xe074}, {port::Key{0x50}, 0xe06b}, {port::Key{0x51}, 0xe072},
    {port::Key{0x52}, 0xe075}, {port::Key{0x53}, 0x77},   {port::Key{0x54}, 0xe04a},
    {port::Key{0x55}, 0x7c},   {port::Key{0x56}, 0x7b},   {port::Key{0x57}, 0x79},
    {port::Key{0x58}, 0xe05a}, {port::Key{0x59}, 0x69},   {port::Key{0x5a}, 0x72},
    {port::Key{0x5b}, 0x7a},   {port::Key{0x5c}, 0x6b},   {port::Key{0x5d}, 0x73},
    {port::Key{0x5e}, 0x74},   {port::Key{0x5f}, 0x6c},   {port::Key{0x60}, 0x75},
    {port::Key{0x61}, 0x7d},   {port::Key{0x62}, 0x70},   {port::Key{0x63}, 0x71},
    {port::Key{0x64}, 0x61},   {port::Key{0x65}, 0xe02f}, {port::Key{0xe0}, 0x14},
    {port::Key{0xe1}, 0x12},   {port::Key{0xe2}, 0x11},   {port::Key{0xe3}, 0xe01f},
    {port::Key{0xe4}, 0xe014}, {port::Key{0xe5}, 0x59},   {port::Key{0xe6}, 0xe011},
    {port::Key{0xe7}, 0xe027},
};

constexpr std::uint8_t kExtended = 0xe0;
constexpr std::uint8_t kRelease = 0xf0;

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  std::transform(values.begin(), values.end(), std::back_inserter(result),
                 [](int value) { return static_cast<std::byte>(value); });
  return result;
}

}  // namespace

std::vector<std::byte> scan_code(const port::KeyEvent& event) {
  const bool pressed = event.motion == port::KeyMotion::kPress;
  if (event.key == port::Key::kPause) {
    return pressed ? bytes({0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77}) : bytes({});
  }
  if (event.key == port::Key::kPrintScreen) {
    return pressed ? bytes({0xe0, 0x12, 0xe0, 0x7c}) : bytes({0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12});
  }
  const auto* const row = std::find_if(std::begin(kCodes), std::end(kCodes),
                                       [&](const Row& r) { return r.key == event.key; });
  if (row == std::end(kCodes)) return {};
  std::vector<std::byte> code;
  if (row->code >> 8 != 0) code.push_back(std::byte{kExtended});
  if (!pressed) code.push_back(std::byte{kRelease});
  code.push_back(static_cast<std::byte>(row->code & 0xff));
  return code;
}

}  // namespace orrery::device::i8042
