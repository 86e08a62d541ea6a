// What a person does with keyboard and mouse, on its way into the machine. See contract.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <variant>

namespace orrery::port {

// A key by its place on the keyboard, whatever is printed on it: the usage ID on page 07h of the
// USB HID Usage Tables, section 10 ("Keyboard/Keypad Page"). keys.hpp has their names.
enum class Key : std::uint8_t {
  kPrintScreen = 0x46,
  kPause = 0x48,
  kLeftShift = 0xe1,
};

enum class KeyMotion : std::uint8_t { kPress, kRelease };

struct KeyEvent {
  Key key{};
  KeyMotion motion = KeyMotion::kPress;
  bool operator==(const KeyEvent&) const = default;
};

// In the mouse's own counts, since the last event.
struct PointerEvent {
  std::int16_t x = 0;        // to the right
  std::int16_t y = 0;        // down
  std::int16_t wheel = 0;    // towards the person
  std::uint8_t buttons = 0;  // all that are held now: 1 left, 2 right, 4 middle
  bool operator==(const PointerEvent&) const = default;
};

using InputEvent = std::variant<KeyEvent, PointerEvent>;

class Input {
 public:
  // Returns false where the device has no room; the same event is then offered again after
  // resume().
  using Receiver = std::function<bool(const InputEvent&)>;

  virtual ~Input() = default;

  virtual void set_receiver(Receiver receive) = 0;

  // The device that refused an event has room again.
  virtual void resume() = 0;
};

}  // namespace orrery::port
