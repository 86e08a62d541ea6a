// Signals that end or continue the process, served on the event loop instead of in handlers
// (signalfd(2)).
#pragma once

#include <functional>
#include <memory>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"

namespace orrery::vmm {

// To be called before the first thread is made: threads inherit which signals are blocked.
void block_served_signals();
// The end of serving: the signals do again what they do by default.
void unblock_served_signals();

struct SignalActions {
  std::function<void(int number)> end;  // SIGTERM, SIGINT, SIGHUP
  std::function<void()> continued;      // SIGCONT
  std::function<void()> resized = {};   // SIGWINCH: the terminal has another size
};

class Signals {
 public:
  static Result<std::unique_ptr<Signals>> create(EventLoop& loop, SignalActions actions);

 private:
  explicit Signals(SignalActions actions) : actions_(std::move(actions)) {}
  void serve();

  SignalActions actions_;
  FileDescriptor descriptor_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace orrery::vmm
