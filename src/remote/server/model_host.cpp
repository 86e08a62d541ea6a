#include "remote/server/model_host.hpp"

#include <chrono>

namespace orrery::remote {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// The machine's clock may stand still while ours goes on; models with queues measure nothing.
class HostTimer final : public device::Timer {
 public:
  explicit HostTimer(std::unique_ptr<LoopTimer> timer) : timer_(std::move(timer)) {}
  void arm(Ticks deadline) override {
    timer_->arm(steady_clock::time_point(nanoseconds(deadline.value())));
  }
  void cancel() override { timer_->cancel(); }

 private:
  std::unique_ptr<LoopTimer> timer_;
};

}  // namespace

Ticks ModelHost::now() {
  return Ticks(nanoseconds(steady_clock::now().time_since_epoch()).count());
}

std::unique_ptr<device::Timer> ModelHost::create_timer(std::function<void()> ring) {
  return std::make_unique<HostTimer>(loop_.create_timer(serialized(std::move(ring))));
}

}  // namespace orrery::remote
