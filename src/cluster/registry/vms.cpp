#include "cluster/registry/vms.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "cluster/registry/keys.hpp"
#include "cluster/registry/placement.hpp"

namespace orrery::cluster {
namespace {

using Kind = Refusal::Kind;

const Caller kPanel{.name = "panel", .role = Role::kAdministrator};

bool is_idle(const Vm& vm) {
  return vm.owner.empty() && vm.state != VmState::kPending && vm.suspended_on.empty();
}

Refusal is_busy(const Vm& vm) {
  const bool suspended = vm.state == VmState::kSuspended;
  return {Kind::kConflict,
          format("{} is {}: {}", vm.name, name_of(vm.state),
                 suspended ? "resume it, or give up its state by stopping it with force"
                           : "stop it first")};
}

// For what only a VM can do that runs.
Outcome<> check_on(const Vm& vm) {
  if (!vm.owner.empty() && vm.desired.power == Power::kOn) return {};
  return refuse(Kind::kConflict, format("{} is {}", vm.name, name_of(vm.state)));
}

Outcome<> check_revision(const Stored<Vm>& vm, std::optional<Revision> wanted) {
  if (!wanted || *wanted == vm.revision) return {};
  return refuse(Kind::kChanged,
                format("{} has changed since: its revision is {}", vm->name, vm.revision.value()));
}

// 1 s, 2 s, 4 s ... 5 minutes: a guest that dies at once does not keep a platform busy.
std::int64_t back_off(unsigned failures) {
  constexpr std::int64_t kMost = 300;
  const std::int64_t seconds = std::min(std::int64_t{1} << std::min(failures, 10U), kMost);
  return seconds * kTicksPerSecond.value();
}

// Who has run for so long and fails then is started again as soon as one that fails for the first
// time.
constexpr std::chrono::nanoseconds kRunsWell = std::chrono::minutes(5);

std::string subject(const Stored<Vm>& vm) {
  return keys::vm(vm->name);
}

}  // namespace

Vms::Done Vms::change_once(const Caller& caller, const std::string& name, const Change& change) {
  return decide([&]() -> Done {
    ORRERY_TRY(Stored<Vm> vm, registry_.vm(name));
    Edit edit(registry_, caller);
    ORRERY_TRY(const bool changed, change(edit, vm));
    if (!changed) return vm;
    if (!vm->owner.empty()) edit.concerns(vm->owner);
    edit.save(vm);
    ORRERY_TRY(vm.revision, edit.commit());
    return vm;
  });
}

Vms::Done Vms::create(const Caller& caller, const std::string& name, const VmSpec& spec) {
  ORRERY_CHECK(check_name(name));
  return decide([&]() -> Done {
    ORRERY_TRY(const auto there, registry_.database().get(keys::vm(name)));
    if (there) {
      return refuse(Kind::kConflict, format("there is a virtual machine {} already", name));
    }
    Stored<Vm> vm;
    vm->name = name;
    vm->id = registry_.random_number();
    vm->spec = spec;
    vm->created = registry_.now();
    // Somewhere there may be a process of one that had this name before.
    ORRERY_TRY(const auto last, registry_.database().get(keys::epoch(name)));
    if (last) vm->epoch = field(parse_object(last->value), "epoch", std::uint64_t{0});
    Edit edit(registry_, caller);
    edit.transaction().expect(keys::epoch(name), last ? last->revision : Revision());
    edit.save(vm);
    edit.event("created", subject(vm), "");
    ORRERY_TRY(vm.revision, edit.commit());
    return vm;
  });
}

Vms::Done Vms::change(const Caller& caller, const std::string& name, const VmSpec& spec,
                      std::optional<Revision> if_revision) {
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    ORRERY_CHECK(check_revision(vm, if_revision));
    if (!is_idle(vm.value)) return std::unexpected(is_busy(vm.value));
    vm->spec = spec;
    edit.event("changed", subject(vm), "");
    return true;
  });
}

Vms::Done Vms::remove(const Caller& caller, const std::string& name,
                      std::optional<Revision> if_revision) {
  return decide([&]() -> Done {
    ORRERY_TRY(Stored<Vm> vm, registry_.vm(name));
    ORRERY_CHECK(check_revision(vm, if_revision));
    if (!is_idle(vm.value)) return std::unexpected(is_busy(vm.value));
    Edit edit(registry_, caller);
    edit.transaction().expect(keys::vm(name), vm.revision);
    edit.transaction().remove(keys::vm(name));
    if (vm->epoch != 0) {
      edit.transaction().put(keys::epoch(name),
                             to_text({{"epoch", vm->epoch}, {"time", registry_.now()}}));
    }
    edit.made_vm(name);
    edit.event("removed", subject(vm), "");
    ORRERY_TRY(vm.revision, edit.commit());
    return vm;
  });
}

// An owner, or a place among those that wait for one.
Outcome<> Vms::assign(Edit& edit, Stored<Vm>& vm) const {
  ORRERY_TRY(Choice choice, choose_platform(registry_, vm.value));
  if (!choice.platform) {
    vm->state = VmState::kPending;
    vm->detail = choice.reason;
    edit.transaction().put(keys::pending(vm->name), "");
    edit.event("pending", subject(vm), choice.reason);
    return {};
  }
  Stored<Platform>& platform = *choice.platform;
  vm->owner = platform->name;
  ++vm->epoch;
  vm->state = VmState::kStarting;
  vm->detail.clear();
  ++platform->vms;
  platform->allocated.memory += vm->spec.needs.memory.value();
  platform->allocated.cpus += vm->spec.needs.cpus;
  edit.save(platform);
  edit.transaction().put(keys::owned(platform->name, vm->name), vm->spec.placement.apart);
  edit.transaction().remove(keys::pending(vm->name));
  edit.event("assigned", subject(vm), format("to {}, epoch {}", platform->name, vm->epoch));
  return {};
}

// The owner keeps it no more.
Outcome<> Vms::disown(Edit& edit, Stored<Vm>& vm) const {
  ORRERY_TRY(Stored<Platform> platform, registry_.platform(vm->owner));
  platform->vms -= std::min(platform->vms, 1U);
  const std::uint64_t memory = platform->allocated.memory.value();
  platform->allocated.memory = Bytes(memory - std::min(memory, vm->spec.needs.memory.value()));
  platform->allocated.cpus -= std::min(platform->allocated.cpus, vm->spec.needs.cpus);
  edit.save(platform);
  edit.transaction().remove(keys::owned(vm->owner, vm->name));
  edit.concerns(vm->owner);
  vm->last_owner = std::exchange(vm->owner, "");
  forget_guest(vm.value);
  vm->desired = {.power = Power::kOff, .resets = vm->desired.resets};
  return {};
}

Outcome<bool> Vms::begin(Edit& edit, Stored<Vm>& vm) const {
  if (vm->desired.power == Power::kOn) return false;
  if (!vm->owner.empty()) {
    return refuse(Kind::kConflict,
                  format("{} is {}: wait until it has stopped", vm->name, name_of(vm->state)));
  }
  vm->desired = {.power = Power::kOn, .resets = vm->desired.resets};
  vm->failures = 0;
  vm->not_before = 0;
  ORRERY_CHECK(assign(edit, vm));
  return true;
}

Vms::Done Vms::start(const Caller& caller, const std::string& name) {
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) { return begin(edit, vm); });
}

// Its platform, if there is one still, is told that the state is nobody's any more.
Outcome<bool> Vms::discard(Edit& edit, Stored<Vm>& vm) const {
  auto platform = registry_.platform(std::exchange(vm->suspended_on, ""));
  if (platform) {
    ++platform->value.given_up;
    edit.save(*platform);
    edit.concerns(platform->value.name);
  } else if (platform.error().kind != Kind::kNotFound) {
    return std::unexpected(platform.error());
  }
  vm->state = VmState::kStopped;
  vm->detail.clear();
  edit.event("discarded", subject(vm), "its state was given up");
  return true;
}

Vms::Done Vms::stop(const Caller& caller, const std::string& name, Stop how) {
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    const bool force = how == Stop::kAtOnce;
    if (vm->state == VmState::kSuspended) {
      if (!force) return std::unexpected(is_busy(vm.value));
      return discard(edit, vm);
    }
    if (vm->desired.power == Power::kOff && (!force || vm->desired.force || vm->owner.empty())) {
      return false;
    }
    vm->desired = {.power = Power::kOff, .force = force, .resets = vm->desired.resets};
    if (vm->owner.empty()) {
      vm->state = vm->suspended_on.empty() ? VmState::kStopped : VmState::kSuspended;
      vm->detail.clear();
      edit.transaction().remove(keys::pending(name));
    } else if (vm->state != VmState::kUnknown) {
      vm->state = VmState::kStopping;
    }
    edit.event("stop", subject(vm), force ? "at once" : "power button");
    return true;
  });
}

Vms::Done Vms::reset(const Caller& caller, const std::string& name) {
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    ORRERY_CHECK(check_on(vm.value));
    ++vm->desired.resets;
    edit.event("reset", subject(vm), "");
    return true;
  });
}

Vms::Done Vms::pause(const Caller& caller, const std::string& name) {
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    ORRERY_CHECK(check_on(vm.value));
    if (std::exchange(vm->desired.paused, true)) return false;
    edit.event("pause", subject(vm), "");
    return true;
  });
}

Vms::Done Vms::resume(const Caller& caller, const std::string& name) {
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    if (vm->state == VmState::kSuspended) return begin(edit, vm);
    ORRERY_CHECK(check_on(vm.value));
    if (!std::exchange(vm->desired.paused, false)) return false;
    edit.event("resume", subject(vm), "");
    return true;
  });
}

Vms::Done Vms::suspend(const Caller& caller, const std::string& name) {
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    if (vm->desired.suspend || vm->state == VmState::kSuspended) return false;
    ORRERY_CHECK(check_on(vm.value));
    vm->desired = {.power = Power::kOff, .suspend = true, .resets = vm->desired.resets};
    if (vm->state != VmState::kUnknown) vm->state = VmState::kSuspending;
    edit.event("suspend", subject(vm), "");
    return true;
  });
}

Vms::Done Vms::release(const Caller& caller, const std::string& name) {
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    if (vm->owner.empty()) return false;
    ORRERY_TRY(const Stored<Platform> platform, registry_.platform(vm->owner));
    if (platform->state != PlatformState::kLost) {
      return refuse(Kind::kConflict, format("{} is {}: stop the virtual machine instead", vm->owner,
                                            name_of(platform->state)));
    }
    ORRERY_CHECK(disown(edit, vm));
    ++vm->epoch;  // that the owner's is an old one
    vm->state = vm->suspended_on.empty() ? VmState::kStopped : VmState::kSuspended;
    vm->detail = format("taken from {}", vm->last_owner);
    edit.event("released", subject(vm), vm->detail);
    return true;
  });
}

Outcome<bool> Vms::take_state(Edit& edit, Stored<Vm>& vm, const VmReport& report) {
  VmState state = report.state;
  if (vm->desired.power == Power::kOff) {
    state = vm->desired.suspend ? VmState::kSuspending : VmState::kStopping;
  }
  const bool resumed = report.state != VmState::kStarting && !vm->suspended_on.empty();
  if (state == vm->state && report.detail == vm->detail && !resumed) return false;
  if (state != vm->state) edit.event(name_of(state), subject(vm), report.detail);
  if (resumed) vm->suspended_on.clear();
  vm->state = state;
  vm->detail = report.detail;
  return true;
}

// What becomes of a VM whose process has ended.
Outcome<bool> Vms::take_end(Edit& edit, Stored<Vm>& vm, const VmReport& report) const {
  const bool wanted = vm->desired.power == Power::kOff;
  const bool kept = report.kept && !vm->desired.force;
  const std::int64_t now = registry_.now();
  const bool ran_well = vm->running_since != 0 && now - vm->running_since >= kRunsWell.count();
  ORRERY_CHECK(disown(edit, vm));
  vm->detail = report.detail;
  vm->suspended_on = kept ? vm->last_owner : "";
  if (kept) {
    vm->state = VmState::kSuspended;
    edit.event("suspended", subject(vm), report.detail);
    return true;
  }
  vm->state = report.failed && !wanted ? VmState::kFailed : VmState::kStopped;
  edit.event(name_of(vm->state), subject(vm), report.detail);
  if (vm->state == VmState::kFailed && vm->spec.restart == Restart::kOnFailure) {
    if (ran_well) vm->failures = 0;
    vm->desired.power = Power::kOn;
    vm->state = VmState::kPending;
    vm->not_before = now + back_off(vm->failures++);
    edit.transaction().put(keys::pending(vm->name), "");
  }
  return true;
}

// It goes on as if nobody had asked for it.
Outcome<bool> Vms::take_refusal(Edit& edit, Stored<Vm>& vm, const VmReport& report) const {
  if (!vm->desired.suspend) return false;
  vm->desired = {.power = Power::kOn, .resets = vm->desired.resets};
  vm->state = report.state;
  vm->detail = "cannot be suspended: " + report.refused;
  edit.event("not suspended", subject(vm), report.refused);
  return true;
}

Outcome<Verdict> Vms::report(const std::string& platform, const VmReport& report) {
  Verdict verdict = Verdict::kTaken;
  const Caller agent{.name = platform, .role = Role::kHost};
  const Done done = change_once(agent, report.vm, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    if (vm->owner != platform || vm->epoch != report.epoch) {
      const bool is_kept = report.ended && report.kept && vm->suspended_on == platform;
      if (!is_kept) verdict = Verdict::kNotOwned;
      return false;
    }
    if (report.ended) return take_end(edit, vm, report);
    if (!report.refused.empty()) return take_refusal(edit, vm, report);
    const bool guest = take_guest(edit, vm, report);
    const bool move = take_move(edit, vm, report);
    ORRERY_TRY(const bool state, take_state(edit, vm, report));
    return guest || move || state;
  });
  if (!done && done.error().kind == Kind::kNotFound) return Verdict::kNotKnown;
  if (!done) return std::unexpected(done.error());
  return verdict;
}

Outcome<std::vector<Vm>> Vms::owned_by(const std::string& platform) const {
  ORRERY_TRY(const auto records, registry_.database().list(keys::owned_by(platform), "", SIZE_MAX));
  std::vector<Vm> vms;
  for (const Record& record : records) {
    const auto vm = registry_.vm(keys::name_in(record.key));
    if (!vm && vm.error().kind != Kind::kNotFound) return std::unexpected(vm.error());
    // (It may have gone since.)
    if (vm && vm->value.owner == platform) vms.push_back(vm->value);
  }
  return vms;
}

Outcome<unsigned> Vms::place_pending() {
  ORRERY_TRY(const auto records, registry_.database().list(keys::kPending, "", SIZE_MAX));
  unsigned placed = 0;
  for (const Record& record : records) {
    const Done done = change_once(
        kPanel, keys::name_in(record.key), [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
          if (vm->state != VmState::kPending || vm->not_before > registry_.now()) return false;
          ORRERY_TRY(const Choice choice, choose_platform(registry_, vm.value));
          if (!choice.platform && choice.reason == vm->detail) return false;
          ORRERY_CHECK(assign(edit, vm));
          return true;
        });
    if (!done && done.error().kind != Kind::kNotFound) return std::unexpected(done.error());
    if (done && !done->value.owner.empty()) ++placed;
  }
  return placed;
}

Outcome<> Vms::lose_sight(const Record& lease) {
  const std::string platform = keys::name_in(lease.key);
  ORRERY_TRY(const auto vms, owned_by(platform));
  for (const Vm& each : vms) {
    const Done done =
        change_once(kPanel, each.name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
          ORRERY_TRY(const auto now, registry_.database().get(lease.key));
          if (!now || now->revision != lease.revision) return false;
          if (vm->owner != platform || vm->state == VmState::kUnknown) return false;
          edit.transaction().expect(lease.key, lease.revision);
          vm->state = VmState::kUnknown;
          vm->detail = format("{} has not been heard of", platform);
          edit.event("unknown", subject(vm), vm->detail);
          return true;
        });
    if (!done && done.error().kind != Kind::kNotFound) return std::unexpected(done.error());
  }
  return {};
}

}  // namespace orrery::cluster
