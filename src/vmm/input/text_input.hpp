// Keyboard and mouse from lines of text (docs/formats/input.md) that come in on a byte stream: a
// backend of port::Input for scripts, and until there is a display.
//
// Every line is answered: "ok" when the guest's devices have taken all of it, or "error: ...".
// Answers that nobody reads are dropped.
//
// Threads: port::Input's functions as port/contract.hpp says; everything else on the loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/loop/event_loop.hpp"
#include "port/console.hpp"
#include "port/input.hpp"

namespace orrery::vmm {

class TextInput final : public port::Input {
 public:
  // The loop and the stream outlive it; the stream is used by nobody else.
  TextInput(EventLoop& loop, port::Console& stream);

  void set_receiver(Receiver receive) override { receive_ = std::move(receive); }
  void resume() override;

 private:
  // More than any line needs; what comes before the end of a longer one is thrown away.
  static constexpr std::size_t kLongestLine = 1024;

  void serve();
  bool deliver();  // false: the device has no room
  bool next_line();
  void accept(std::string_view line);
  void answer(std::string_view text);

  EventLoop& loop_;
  port::Console& stream_;
  Receiver receive_;
  std::string text_;
  bool overlong_ = false;  // the start of the line was thrown away
  std::deque<port::InputEvent> events_;
  std::uint8_t buttons_ = 0;
  // Work that was posted and finds the input gone does nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::vmm
