#include "remote/server/loop_host.hpp"

#include <chrono>
#include <utility>

namespace orrery::remote {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

Ticks steady_now() {
  return Ticks(nanoseconds(steady_clock::now().time_since_epoch()).count());
}

Ticks wall_now() {
  return Ticks(nanoseconds(system_clock::now().time_since_epoch()).count());
}

// The machine's clock may stand still while ours goes on: a timeout then comes early, and a
// real-time clock is right.
class HostTimer final : public device::Timer {
 public:
  HostTimer(std::unique_ptr<LoopTimer> timer, Ticks epoch)
      : timer_(std::move(timer)), epoch_(epoch) {}
  void arm(Ticks deadline) override {
    timer_->arm(steady_clock::time_point(nanoseconds(deadline.value() - epoch_.value())));
  }
  void cancel() override { timer_->cancel(); }

 private:
  std::unique_ptr<LoopTimer> timer_;
  const Ticks epoch_;
};

}  // namespace

LoopHost::LoopHost(EventLoop& loop) : loop_(loop), epoch_(wall_now() - steady_now().value()) {}

Ticks LoopHost::now() {
  return epoch_ + steady_now().value();
}

std::unique_ptr<device::Timer> LoopHost::create_timer(std::function<void()> ring) {
  return std::make_unique<HostTimer>(loop_.create_timer(serialized(std::move(ring))), epoch_);
}

void LoopHost::post(std::function<void()> work) {
  loop_.post([this, alive = std::weak_ptr(alive_), work = std::move(work)] {
    if (alive.expired()) return;
    const std::lock_guard lock(device_lock());
    work();
  });
}

}  // namespace orrery::remote
