#include "vmm/power_control.hpp"

#include <chrono>

namespace orrery::vmm {
namespace {

// A desktop's shutdown takes longer, but who sends SIGTERM expects an end; systemd gives 90 s in
// all.
constexpr std::chrono::seconds kPatience{10};

}  // namespace

PowerControl::PowerControl(EventLoop& loop, machine::Machine& machine)
    : machine_(machine), patience_(loop.create_timer([this] { machine_.request_stop(); })) {}

void PowerControl::asked_to_end() {
  if (asked_) return machine_.request_stop();
  asked_ = true;
  machine_.request_power_button();
  patience_->arm(std::chrono::steady_clock::now() + kPatience);
}

void PowerControl::quit() {
  quit_ = true;
  machine_.request_stop();
}

}  // namespace orrery::vmm
