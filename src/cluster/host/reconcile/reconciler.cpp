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
  machinery_.report(report_of(vm));
}

VmReport Reconciler::report_of(const LocalVm& vm) {
  VmReport report{.vm = vm.name, .epoch = vm.epoch};
  report.ended = !is_alive(vm);
  report.failed = vm.failed;
  report.kept = vm.kept && report.ended;
  report.detail = vm.detail;
  report.guest = vm.guest;
  report.moves = vm.moves;
  report.not_moved = vm.not_moved;
  switch (vm.phase) {
    case Phase::kStarting: report.state = VmState::kStarting; break;
    case Phase::kPaused: report.state = VmState::kPaused; break;
    default: report.state = VmState::kRunning; break;
  }
  return report;
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
      is_alive(vm) ? steer(vm, each) : report(vm);
    } else if (vm.epoch < each.epoch) {
      is_alive(vm) ? machinery_.end_at_once(vm.name) : begin(each);
    }
  }
  forget_unwanted();
}

// What the panel does not count on: ended, it is forgotten; if it runs or its state is here, the
// panel says whether it has to end, and the state to go.
void Reconciler::forget_unwanted() {
  for (auto each = vms_.begin(); each != vms_.end();) {
    const auto vm = each++;
    if (wanted_.contains(vm->first)) continue;
    if (is_alive(vm->second) || vm->second.kept) {
      report(vm->second);
    } else {
      machinery_.forget(vm->first);
      vms_.erase(vm);
    }
  }
}

void Reconciler::begin(const link::Assignment& assignment) {
  const auto before = vms_.find(assignment.vm);
  const bool kept = before != vms_.end() && before->second.kept;
  if (kept && !assignment.resume) machinery_.discard(assignment.vm);
  LocalVm vm;
  vm.name = assignment.vm;
  vm.epoch = assignment.epoch;
  vm.resets = assignment.desired.resets;
  const bool start = assignment.desired.power == Power::kOn;
  if (!start) {
    vm.phase = Phase::kEnded;
    vm.detail = "stopped before it was started";
  } else if (assignment.resume && !kept) {
    vm.phase = Phase::kEnded;
    vm.failed = true;
    vm.detail = "the state that it should go on from is not here any more";
  }
  vm.kept = kept && assignment.resume;
  const Result<> remembered = machinery_.keep(vm);
  if (!remembered) {
    vm.phase = Phase::kEnded;
    vm.failed = true;
    vm.detail = remembered.error().message();
  }
  LocalVm& local = vms_[vm.name] = std::move(vm);
  if (is_alive(local)) {
    using Launch = Machinery::Launch;
    machinery_.launch(local.name, assignment.options, local.kept ? Launch::kResume : Launch::kBoot);
  } else {
    report(local);
  }
}

void Reconciler::steer(LocalVm& vm, const link::Assignment& wanted) {
  const Desired& desired = wanted.desired;
  if (desired.power == Power::kOff && desired.force) return machinery_.end_at_once(vm.name);
  if (!can_be_told(vm)) return;  // running() comes back to it
  if (desired.suspend) return suspend(vm);
  if (vm.phase == Phase::kPaused && !desired.paused) machinery_.resume(vm.name);
  if (vm.phase == Phase::kRunning && desired.paused) machinery_.pause(vm.name);
  press(vm, desired);
  if (wanted.move.number > vm.moves) move_device(vm, wanted.move);
}

// An agent that was killed meanwhile asks once more: who is there already has no way to go.
void Reconciler::move_device(const LocalVm& vm, const DeviceMove& move) {
  if (!moving_.emplace(vm.name, move.number).second) return;
  machinery_.move_device(vm.name, move);
}

void Reconciler::moved(const std::string& name, std::uint64_t number, const std::string& why_not) {
  const auto found = vms_.find(name);
  const auto moving = moving_.find(name);
  if (found == vms_.end() || moving == moving_.end() || moving->second != number) return;
  moving_.erase(moving);
  LocalVm& vm = found->second;
  vm.moves = number;
  vm.not_moved = why_not;
  keep_or_complain(vm);
  report(vm);
}

void Reconciler::seen(const std::string& name, const GuestFacts& guest) {
  const auto found = vms_.find(name);
  if (found == vms_.end() || !is_alive(found->second)) return;
  LocalVm& vm = found->second;
  if (vm.guest == guest) return;
  vm.guest = guest;
  if (vm.phase != Phase::kStarting) report(vm);  // running() does otherwise
}

void Reconciler::suspend(const LocalVm& vm) {
  if (suspending_.insert(vm.name).second) machinery_.suspend(vm.name);
}

void Reconciler::cannot_suspend(const std::string& name, const std::string& why) {
  suspending_.erase(name);
  const auto found = vms_.find(name);
  if (found == vms_.end() || !is_alive(found->second)) return;
  VmReport report = report_of(found->second);
  report.refused = why;
  machinery_.report(report);
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
  if (is_alive(found->second)) return machinery_.end_at_once(revoke.vm);
  if (!std::exchange(found->second.kept, false)) return;
  machinery_.discard(revoke.vm);
  keep_or_complain(found->second);
}

void Reconciler::running(const std::string& name, Clock clock) {
  const auto found = vms_.find(name);
  if (found == vms_.end() || !is_alive(found->second)) return;
  LocalVm& vm = found->second;
  // Its disks are no longer what they were in the state that it went on from.
  if (std::exchange(vm.kept, false)) {
    machinery_.discard(name);
    keep_or_complain(vm);
  }
  const Phase phase = clock == Clock::kStands ? Phase::kPaused : Phase::kRunning;
  if (std::exchange(vm.phase, phase) != phase) report(vm);
  const auto wanted = wanted_.find(name);
  if (wanted == wanted_.end()) return;
  if (wanted->second.epoch == vm.epoch) return steer(vm, wanted->second);
  if (wanted->second.epoch > vm.epoch) machinery_.end_at_once(name);
}

void Reconciler::ended(const std::string& name, const End& end) {
  const auto found = vms_.find(name);
  if (found == vms_.end() || !is_alive(found->second)) return;
  LocalVm& vm = found->second;
  suspending_.erase(name);
  moving_.erase(name);
  vm.guest.reset();
  vm.phase = Phase::kEnded;
  vm.failed = end.failed;
  // It went on from the state and ended well, before it was heard of.
  const bool used_up = vm.kept && !end.failed;
  if (used_up) machinery_.discard(name);
  vm.kept = end.kept && !used_up;
  vm.detail = end.detail;
  keep_or_complain(vm);
  report(vm);
  if (!knows_wanted_) return;
  const auto wanted = wanted_.find(name);
  if (wanted == wanted_.end()) {
    if (vm.kept) return;
    machinery_.forget(name);
    vms_.erase(found);
  } else if (wanted->second.epoch > vm.epoch) {
    begin(wanted->second);
  }
}

}  // namespace orrery::cluster::host
