#include "vmm/input/input_line.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/format.hpp"
#include "port/keys.hpp"

namespace orrery::vmm {
namespace {

using Events = std::vector<port::InputEvent>;
using port::KeyMotion;

constexpr std::pair<std::string_view, std::uint8_t> kButtons[] = {
    {"MouseLeft", 1}, {"MouseRight", 2}, {"MouseMiddle", 4}};

// "a b c" as "a" and "b c".
std::pair<std::string_view, std::string_view> first_word(std::string_view text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  return {text.substr(0, blank), text.substr(std::min(blank + 1, text.size()))};
}

Result<std::int16_t> parse_count(std::string_view text) {
  std::int16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  return fail(format("\"{}\" is not a number from -32768 to 32767", text));
}

Result<> move_key(std::string_view name, KeyMotion motion, std::uint8_t& buttons, Events& events) {
  const bool pressed = motion == KeyMotion::kPress;
  for (const auto& [button, mask] : kButtons) {
    if (button != name) continue;
    buttons = static_cast<std::uint8_t>(pressed ? buttons | mask : buttons & ~mask);
    events.push_back(port::PointerEvent{.buttons = buttons});
    return {};
  }
  const auto* const row = std::find_if(std::begin(port::kKeys), std::end(port::kKeys),
                                       [&](const port::KeyRow& key) { return key.name == name; });
  if (row == std::end(port::kKeys)) {
    return fail(
        format("\"{}\" is not a key; keys are named by place, such as KeyA, Digit1, Enter, "
               "ArrowUp, ShiftLeft, MouseLeft",
               name));
  }
  events.push_back(port::KeyEvent{row->key, motion});
  return {};
}

void tap(port::Key key, Events& events) {
  events.push_back(port::KeyEvent{key, KeyMotion::kPress});
  events.push_back(port::KeyEvent{key, KeyMotion::kRelease});
}

Result<Events> type_text(std::string_view text) {
  Events events;
  for (const char c : text) {
    const auto* const row =
        std::find_if(std::begin(port::kKeys), std::end(port::kKeys), [&](const port::KeyRow& key) {
          return key.plain != 0 && (key.plain == c || key.shifted == c);
        });
    if (row == std::end(port::kKeys)) {
      return fail("only printable ASCII can be typed; use `tap` for other keys");
    }
    const bool shifted = row->plain != c;
    if (shifted) events.push_back(port::KeyEvent{port::Key::kLeftShift, KeyMotion::kPress});
    tap(row->key, events);
    if (shifted) events.push_back(port::KeyEvent{port::Key::kLeftShift, KeyMotion::kRelease});
  }
  return events;
}

}  // namespace

Result<Events> parse_input_line(std::string_view line, std::uint8_t& buttons) {
  const auto [verb, rest] = first_word(line);
  Events events;
  if (line.empty()) return events;
  if (verb == "type") return type_text(rest);
  if (verb == "tap" || verb == "press") {
    ORRERY_CHECK(move_key(rest, KeyMotion::kPress, buttons, events));
  }
  if (verb == "tap" || verb == "release") {
    ORRERY_CHECK(move_key(rest, KeyMotion::kRelease, buttons, events));
  }
  if (verb == "move") {
    const auto [x, y] = first_word(rest);
    port::PointerEvent event{.buttons = buttons};
    ORRERY_TRY(event.x, parse_count(x));
    ORRERY_TRY(event.y, parse_count(y));
    events.push_back(event);
  }
  if (verb == "wheel") {
    port::PointerEvent event{.buttons = buttons};
    ORRERY_TRY(event.wheel, parse_count(rest));
    events.push_back(event);
  }
  if (!events.empty()) return events;
  return fail(
      format("\"{}\" is not known; write type TEXT, tap KEY, press KEY, release KEY, "
             "move X Y or wheel N",
             verb));
}

}  // namespace orrery::vmm
