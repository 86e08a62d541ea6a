#include "vmm/input/text_input.hpp"

#include <array>
#include <utility>

#include "base/format.hpp"
#include "vmm/input/input_line.hpp"

namespace orrery::vmm {

TextInput::TextInput(EventLoop& loop, port::Console& stream) : loop_(loop), stream_(stream) {
  stream_.set_callbacks([this] { serve(); }, [] {});
}

void TextInput::resume() {
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) serve();
  });
}

// A line is taken from the stream only when the one before it is done, so a guest that does not
// listen holds up whoever types.
void TextInput::serve() {
  while (deliver() && next_line()) {
  }
}

bool TextInput::deliver() {
  if (events_.empty()) return true;
  while (!events_.empty()) {
    if (!receive_ || !receive_(events_.front())) return false;
    events_.pop_front();
  }
  answer("ok\n");
  return true;
}

// False when no whole line is there.
bool TextInput::next_line() {
  while (true) {
    if (const std::size_t end = text_.find('\n'); end != std::string::npos) {
      const std::string line = text_.substr(0, end);
      text_.erase(0, end + 1);
      accept(line);
      return true;
    }
    if (text_.size() > kLongestLine) {
      text_.clear();
      overlong_ = true;
    }
    std::array<std::byte, 512> bytes;
    const std::size_t count = stream_.read(bytes);
    if (count == 0) return false;
    text_.append(reinterpret_cast<const char*>(bytes.data()), count);
  }
}

void TextInput::accept(std::string_view line) {
  if (std::exchange(overlong_, false)) {
    return answer(format("error: a line has at most {} characters\n", kLongestLine));
  }
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto events = parse_input_line(line, buttons_);
  if (!events) return answer("error: " + events.error().message() + "\n");
  events_.assign(events->begin(), events->end());
  if (events_.empty()) answer("ok\n");
}

void TextInput::answer(std::string_view text) {
  static_cast<void>(stream_.write(as_bytes(text.data(), text.size())));
}

}  // namespace orrery::vmm
