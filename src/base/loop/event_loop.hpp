// The one I/O loop of a VM (or of a device server): everything that waits for the outside waits
// here, on one thread, instead of in threads of its own.
//
// It is a Boost.Asio io_context inside (context() gives it to backends that want coroutines), with
// a timer queue of its own: machine timers are re-armed by vCPU threads a hundred thousand times a
// second, so arm() is one short lock, and a system call only when the new deadline is the earliest.
//
// Threads:
//  - post(), stop(), on_loop_thread(), and LoopTimer's arm() and cancel(): any thread.
//  - create_timer(), and destroying a LoopTimer: any thread.
//  - watch() and everything on a Watch: the loop's thread, or while no thread is in run().
//  - callbacks are made on the thread that is in run(), one at a time, and must not block.
// The loop outlives its timers and watches.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.hpp"

namespace boost::asio {
class io_context;
}

namespace orrery {

using SteadyTime = std::chrono::steady_clock::time_point;

// A one-shot alarm. Re-arming replaces the deadline; nothing is allocated.
class LoopTimer {
 public:
  // Cancels. On another thread than the loop's it also waits for a ring in progress, so do not hold
  // a lock that the callback takes.
  virtual ~LoopTimer() = default;

  // Rings once, on the loop, when the deadline has come (soon, if it has passed): usually within 50
  // us of it, never before.
  virtual void arm(SteadyTime deadline) = 0;

  // A ring that has already begun on the loop's thread still runs to its end.
  virtual void cancel() = 0;
};

enum class Readiness : std::uint8_t { kReadable, kWritable };

// Interest in a descriptor's readiness, level-triggered: the callback is called again and again
// while the descriptor stays ready and the watch is not paused. The callback may destroy the watch.
// The descriptor stays the caller's, and stays open as long as the watch lives.
class Watch {
 public:
  virtual ~Watch() = default;
  virtual void pause() = 0;
  virtual void resume() = 0;
};

class EventLoop {
 public:
  static Result<std::unique_ptr<EventLoop>> create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Serves callbacks on the calling thread until stop(); may be called again afterwards.
  void run();
  // Makes run() return after the current callback, or the next run() at once. What was posted and
  // not yet run stays queued.
  void stop();
  // Runs what is ready now, without waiting (for tests and for draining at exit). Returns how many
  // callbacks ran.
  std::size_t poll();

  // Runs `work` on the loop, in the order of posting.
  void post(std::function<void()> work);

  // True in callbacks; for assertions and shortcuts.
  bool on_loop_thread() const;

  std::unique_ptr<LoopTimer> create_timer(std::function<void()> ring);

  // A new watch is not paused. Descriptors that cannot be polled (regular files, /dev/null) count
  // as always ready.
  Result<std::unique_ptr<Watch>> watch(int descriptor, Readiness readiness,
                                       std::function<void()> ready);

  boost::asio::io_context& context();

 private:
  struct Implementation;
  explicit EventLoop(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace orrery
