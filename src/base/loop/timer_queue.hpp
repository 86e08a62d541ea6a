// The event loop's timers: deadlines in order, and one timerfd (timerfd_create(2)) that becomes
// readable when the earliest has come. Private to event_loop.cpp; see event_loop.hpp for what users
// may rely on.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"

namespace orrery {

class TimerQueue {
 public:
  static Result<std::unique_ptr<TimerQueue>> create();

  // Readable when expire() has something to do.
  int descriptor() const { return descriptor_.get(); }

  // Rings what is due, on the calling thread, which must be the loop's.
  void expire();

  std::unique_ptr<LoopTimer> create_timer(std::function<void()> ring);

 private:
  class Timer;
  // Node handles move between the map and their timer, so arming never allocates.
  using Deadlines = std::multimap<SteadyTime, Timer*>;

  explicit TimerQueue(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}
  void program(SteadyTime deadline);  // with mutex_ held

  FileDescriptor descriptor_;
  std::mutex mutex_;  // guards all below, and Timer's fields
  Deadlines armed_;
  // What the timerfd is set to: never later than the earliest deadline. It may be earlier, after a
  // timer was moved back; the early wake-up costs less than setting the timerfd each time.
  SteadyTime programmed_ = SteadyTime::max();
  SteadyTime turn_ = SteadyTime::min();  // what expire() last took for now
  Timer* ringing_ = nullptr;
  std::thread::id ringing_thread_;
  std::condition_variable rung_;
};

}  // namespace orrery
