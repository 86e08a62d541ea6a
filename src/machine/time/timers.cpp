#include "machine/time/timers.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace orrery::machine {
namespace {

constexpr std::int64_t kUnarmed = std::numeric_limits<std::int64_t>::max();

}  // namespace

class Timers::MachineTimer : public device::Timer {
 public:
  MachineTimer(Timers& owner, std::mutex& lock, std::function<void()> ring)
      : owner_(owner), lock_(lock), ring_(std::move(ring)) {
    loop_timer_ = owner_.loop_.create_timer([this] { due(); });
    const std::lock_guard guard(owner_.mutex_);
    owner_.timers_.insert(this);
  }
  ~MachineTimer() override {
    {
      const std::lock_guard guard(owner_.mutex_);
      owner_.timers_.erase(this);
    }
    loop_timer_.reset();
  }

  void arm(Ticks deadline) override {
    deadline_.store(deadline.value());
    arm_loop_timer();
  }
  void cancel() override {
    if (deadline_.exchange(kUnarmed) != kUnarmed) loop_timer_->cancel();
  }

  // May race with arm(): the later of the two sees the newest deadline, and due() checks it again.
  void arm_loop_timer() {
    const std::int64_t deadline = deadline_.load();
    if (deadline == kUnarmed || !owner_.clock_.running()) return;
    // An hour at most: a deadline in the far future must not overflow the host's clock.
    constexpr std::int64_t kLongest = 3'600'000'000'000;
    const std::int64_t left =
        std::clamp<std::int64_t>(deadline - owner_.clock_.now().value(), 0, kLongest);
    loop_timer_->arm(std::chrono::steady_clock::now() +
                     owner_.clock_.source().host_time(Ticks(left)));
  }

 private:
  // On the loop.
  void due() {
    const std::lock_guard guard(lock_);
    const std::int64_t deadline = deadline_.load();
    if (deadline == kUnarmed || !owner_.clock_.running()) return;
    if (deadline > owner_.clock_.now().value()) return arm_loop_timer();
    deadline_.store(kUnarmed);
    ring_();
  }

  Timers& owner_;
  std::mutex& lock_;
  std::function<void()> ring_;
  // Written with lock_ held; clock_started() reads it without.
  std::atomic<std::int64_t> deadline_{kUnarmed};
  std::unique_ptr<LoopTimer> loop_timer_;
};

std::unique_ptr<device::Timer> Timers::create(std::mutex& lock, std::function<void()> ring) {
  return std::make_unique<MachineTimer>(*this, lock, std::move(ring));
}

void Timers::clock_started() {
  const std::lock_guard guard(mutex_);
  for (MachineTimer* timer : timers_) timer->arm_loop_timer();
}

}  // namespace orrery::machine
