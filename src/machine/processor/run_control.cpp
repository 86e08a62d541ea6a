#include "machine/processor/run_control.hpp"

#include <utility>

namespace orrery::machine {

bool RunControl::wait_at_gate(bool was_going) {
  std::unique_lock lock(mutex_);
  if (was_going) --going_;
  if (going_ == 0 && !may_go()) clock_(false);
  changed_.notify_all();
  changed_.wait(lock, [this] { return quit_ || may_go(); });
  if (quit_) return false;
  if (going_++ == 0) clock_(true);
  return true;
}

void RunControl::open_or_close() {
  closed_.store(!may_go(), std::memory_order_release);
  if (!may_go()) stop_vcpus_();
  changed_.notify_all();
}

void RunControl::end(Ending ending) {
  {
    const std::lock_guard lock(mutex_);
    if (!active_ || ending_) return;
    ending_ = std::move(ending);
    open_or_close();
  }
  if (ended_) ended_();
}

void RunControl::begin_pause() {
  const std::lock_guard lock(mutex_);
  ++pauses_;
  open_or_close();
}

void RunControl::pause() {
  std::unique_lock lock(mutex_);
  ++pauses_;
  open_or_close();
  changed_.wait(lock, [this] { return going_ == 0; });
}

bool RunControl::try_pause(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  ++pauses_;
  open_or_close();
  if (changed_.wait_for(lock, patience, [this] { return going_ == 0; })) return true;
  --pauses_;
  open_or_close();
  return false;
}

void RunControl::resume() {
  const std::lock_guard lock(mutex_);
  if (pauses_ > 0) --pauses_;
  open_or_close();
}

Ending RunControl::run() {
  std::unique_lock lock(mutex_);
  active_ = true;
  open_or_close();
  changed_.wait(lock, [this] { return ending_ && going_ == 0; });
  active_ = false;
  return *std::exchange(ending_, std::nullopt);
}

void RunControl::quit() {
  const std::lock_guard lock(mutex_);
  quit_ = true;
  changed_.notify_all();
}

}  // namespace orrery::machine
