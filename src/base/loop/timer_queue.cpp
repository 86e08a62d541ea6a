#include "base/loop/timer_queue.hpp"

#include <algorithm>
#include <optional>

#include <sys/timerfd.h>
#include <unistd.h>

namespace orrery {

class TimerQueue::Timer final : public LoopTimer {
 public:
  Timer(TimerQueue& queue, std::function<void()> ring) : queue_(queue), ring_(std::move(ring)) {
    Deadlines one;
    one.emplace(SteadyTime::max(), this);
    spare_ = one.extract(one.begin());
  }

  ~Timer() override {
    std::unique_lock lock(queue_.mutex_);
    disarm();
    if (queue_.ringing_ != this) return;
    if (queue_.ringing_thread_ == std::this_thread::get_id()) {
      queue_.ringing_ = nullptr;  // destroyed by its own callback
    } else {
      queue_.rung_.wait(lock, [this] { return queue_.ringing_ != this; });
    }
  }

  void arm(SteadyTime deadline) override {
    const std::lock_guard lock(queue_.mutex_);
    disarm();
    // What has passed waits for the next turn, behind all that is due in this one.
    spare_.key() = std::max(deadline, queue_.turn_ + std::chrono::nanoseconds(1));
    position_ = queue_.armed_.insert(std::move(spare_));
    if ((*position_)->first < queue_.programmed_) queue_.program((*position_)->first);
  }

  void cancel() override {
    const std::lock_guard lock(queue_.mutex_);
    disarm();
  }

  // With the queue's lock held.
  void disarm() {
    if (!position_) return;
    spare_ = queue_.armed_.extract(*position_);
    position_.reset();
  }

  const std::function<void()>& ring() const { return ring_; }

 private:
  TimerQueue& queue_;
  const std::function<void()> ring_;
  Deadlines::node_type spare_;                   // while not armed
  std::optional<Deadlines::iterator> position_;  // while armed
};

Result<std::unique_ptr<TimerQueue>> TimerQueue::create() {
  FileDescriptor descriptor(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!descriptor) return fail_errno("cannot create a timer (timerfd_create)");
  return std::unique_ptr<TimerQueue>(new TimerQueue(std::move(descriptor)));
}

std::unique_ptr<LoopTimer> TimerQueue::create_timer(std::function<void()> ring) {
  return std::make_unique<Timer>(*this, std::move(ring));
}

void TimerQueue::program(SteadyTime deadline) {
  // steady_clock is CLOCK_MONOTONIC; an all-zero time would disarm the timerfd.
  using std::chrono::nanoseconds;
  const auto since_start = std::max(deadline.time_since_epoch(), nanoseconds(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start);
  itimerspec time{};
  time.it_value.tv_sec = seconds.count();
  time.it_value.tv_nsec = (since_start - seconds).count();
  timerfd_settime(descriptor_.get(), TFD_TIMER_ABSTIME, &time, nullptr);
  programmed_ = deadline;
}

void TimerQueue::expire() {
  std::uint64_t expirations = 0;
  (void)!::read(descriptor_.get(), &expirations, sizeof expirations);
  std::unique_lock lock(mutex_);
  turn_ = std::chrono::steady_clock::now();
  programmed_ = SteadyTime::max();
  while (!armed_.empty() && armed_.begin()->first <= turn_) {
    ringing_ = armed_.begin()->second;
    ringing_thread_ = std::this_thread::get_id();
    ringing_->disarm();
    // A copy, because the callback may destroy its timer.
    const std::function<void()> ring = ringing_->ring();
    lock.unlock();
    ring();
    lock.lock();
    ringing_ = nullptr;
    rung_.notify_all();
  }
  if (!armed_.empty() && armed_.begin()->first < programmed_) program(armed_.begin()->first);
}

}  // namespace orrery
