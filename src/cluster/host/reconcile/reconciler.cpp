#include "cluster/host/reconcile/reconciler.hpp"

#include <utility>

#include "base/log.hpp"

namespace orrery::cluster::host {
namespace {

bool is_alive(const LocalVm& vm) {
  return vm.phase != Phase::kEnded;
}

bool can_be_told(const LocalVm& vm) {
  return vm.phase == Phase::kRunning || vm.phase == Phase::kPaused;
}

}  // namespace

void Reconciler::adopt(LocalVm vm) {
  const std::string name = vm.name;
  vms_[name] = std::move(vm);
}

void Reconciler::connected() {
  knows_wanted_ = false;
  for (const auto& [name, vm] : vms_) report(vm);
}

void Reconciler::report(const LocalVm& vm) {
  VmReport report{.vm = vm.name, .epoch = vm.epoch};
  report.ended = !is_alive(vm);
  report.failed = vm.failed;
  report.detail = vm.detail;
  switch (vm.phase) {
    case Phase::kStarting: report.state = VmState::kStarting; break;
    case Phase::kPaused: report.state = VmState::kPaused; break;
    default: report.state = VmState::kRunning; break;
  }
  machinery_.report(report);
}

// A record that is not kept may lead to a process that the next agent does not know: so nothing
// begins without one; what has begun already goes on.
void Reconciler::keep_or_complain(const LocalVm& vm) {
  const Result<> kept = machinery_.keep(vm);
  if (!kept) log::error("{}: {}", vm.name, kept.error().message());
}

void Reconciler::assign(const std::vector<link::Assignment>& assignments) {
  wanted_.clear();
  knows_wanted_ = true;
  for (const link::Assignment& each : assignments) wanted_[each.vm] = each;
  for (const link::Assignment& each : assignments) {
    const auto found = vms_.find(each.vm);
    if (found == vms_.end()) {
      begin(each);
      continue;
    }
    LocalVm& vm = found->second;
    if (vm.epoch == each.epoch) {
      is_alive(vm) ? steer(vm, each.desired) : report(vm);
    } else if (vm.epoch < each.epoch) {
      is_alive(vm) ? machinery_.end_at_once(vm.name) : begin(each);
    }
  }
  forget_unwanted();
}

// What the panel does not count on: ended, it is forgotten; if it runs, the panel says whether it
// has to end.
void Reconciler::forget_unwanted() {
  for (auto each = vms_.begin(); each != vms_.end();) {
    const auto vm = each++;
    if (wanted_.contains(vm->first)) continue;
    if (is_alive(vm->second)) {
      report(vm->second);
    } else {
      machinery_.forget(vm->first);
      vms_.erase(vm);
    }
  }
}

void Reconciler::begin(const link::Assignment& assignment) {
  LocalVm vm;
  vm.name = assignment.vm;
  vm.epoch = assignment.epoch;
  vm.resets = assignment.desired.resets;
  const bool start = assignment.desired.power == Power::kOn;
  if (!start) {
    vm.phase = Phase::kEnded;
    vm.detail = "stopped before it was started";
  }
  const Result<> kept = machinery_.keep(vm);
  if (!kept) {
    vm.phase = Phase::kEnded;
    vm.failed = true;
    vm.detail = kept.error().message();
  }
  LocalVm& local = vms_[vm.name] = std::move(vm);
  if (is_alive(local)) {
    machinery_.launch(local.name, assignment.options);
  } else {
    report(local);
  }
}

void Reconciler::steer(LocalVm& vm, const Desired& desired) {
  if (desired.power == Power::kOff && desired.force) return machinery_.end_at_once(vm.name);
  if (!can_be_told(vm)) return;  // running() comes back to it
  if (vm.phase == Phase::kPaused && !desired.paused) machinery_.resume(vm.name);
  if (vm.phase == Phase::kRunning && desired.paused) machinery_.pause(vm.name);
  press(vm, desired);
}

// Buttons: each is remembered as pressed before it is, so that nobody presses it again.
void Reconciler::press(LocalVm& vm, const Desired& desired) {
  if (desired.power == Power::kOff && !vm.power_pressed) {
    vm.power_pressed = true;
    keep_or_complain(vm);
    machinery_.press_power(vm.name);
  }
  if (vm.resets < desired.resets) {
    vm.resets = desired.resets;
    keep_or_complain(vm);
    machinery_.reset(vm.name);
  }
}

void Reconciler::revoke(const link::Revoke& revoke) {
  const auto found = vms_.find(revoke.vm);
  if (found == vms_.end() || found->second.epoch > revoke.epoch) return;
  if (is_alive(found->second)) machinery_.end_at_once(revoke.vm);
}

void Reconciler::running(const std::string& name, Clock clock) {
  const auto found = vms_.find(name);
  if (found == vms_.end() || !is_alive(found->second)) return;
  LocalVm& vm = found->second;
  const Phase phase = clock == Clock::kStands ? Phase::kPaused : Phase::kRunning;
  if (std::exchange(vm.phase, phase) != phase) report(vm);
  const auto wanted = wanted_.find(name);
  if (wanted == wanted_.end()) return;
  if (wanted->second.epoch == vm.epoch) return steer(vm, wanted->second.desired);
  if (wanted->second.epoch > vm.epoch) machinery_.end_at_once(name);
}

void Reconciler::ended(const std::string& name, bool failed, const std::string& detail) {
  const auto found = vms_.find(name);
  if (found == vms_.end() || !is_alive(found->second)) return;
  LocalVm& vm = found->second;
  vm.phase = Phase::kEnded;
  vm.failed = failed;
  vm.detail = detail;
  keep_or_complain(vm);
  report(vm);
  if (!knows_wanted_) return;
  const auto wanted = wanted_.find(name);
  if (wanted == wanted_.end()) {
    machinery_.forget(name);
    vms_.erase(found);
  } else if (wanted->second.epoch > vm.epoch) {
    begin(wanted->second);
  }
}

}  // namespace orrery::cluster::host
