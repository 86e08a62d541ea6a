// Device models of virtual machines: what becomes of them, and the wish to move one.
#include <algorithm>

#include "base/format.hpp"
#include "cluster/registry/keys.hpp"
#include "cluster/registry/vms.hpp"

namespace orrery::cluster {
namespace {

using Kind = Refusal::Kind;
using State = DeviceMove::State;

// HOST or HOST:PORT; whether there is such a server, and gives the model, only the VM can tell.
Outcome<> check_server(const std::string& server) {
  constexpr std::size_t kLongest = 300;
  const bool sound =
      !server.empty() && server.size() <= kLongest && std::ranges::all_of(server, [](char each) {
        return each > ' ' && each <= '~' && each != ',' && each != '@';
      });
  if (sound) return {};
  return refuse(Kind::kInvalid, "target: HOST or HOST:PORT of one device server");
}

Outcome<> check_can_move(const Vm& vm, const std::string& device) {
  if (vm.owner.empty() || vm.desired.power == Power::kOff || vm.guest.models.empty()) {
    return refuse(Kind::kConflict, format("{} is {}: a device model of one that runs can be moved",
                                          vm.name, name_of(vm.state)));
  }
  if (vm.move.under_way()) {
    return refuse(Kind::kConflict, format("{}: {} is on its way to {}; wait until it is there",
                                          vm.name, vm.move.device, vm.move.server));
  }
  bool known = false;
  for (const DeviceModel& each : vm.guest.models) {
    if (each.name != device) continue;
    if (!each.server.empty()) return {};
    known = true;
  }
  if (!known) {
    return refuse(Kind::kNotFound, format("{} has no device model {}", vm.name, device));
  }
  return refuse(Kind::kConflict,
                format("{} runs in the process of {}: only what is at a device server can move "
                       "(option device)",
                       device, vm.name));
}

std::string place_of(const DeviceModel& model) {
  return format("{} is {} {}", model.name, model.found ? "at" : "looked for at", model.server);
}

}  // namespace

Vms::Done Vms::move_device(const Caller& caller, const std::string& name, const std::string& device,
                           const std::string& server) {
  ORRERY_CHECK(check_server(server));
  return change_once(caller, name, [&](Edit& edit, Stored<Vm>& vm) -> Outcome<bool> {
    ORRERY_CHECK(check_can_move(vm.value, device));
    vm->move = {.number = vm->move.number + 1,
                .device = device,
                .server = server,
                .state = State::kUnderWay};
    edit.event("move", keys::vm(name), format("{} to {}", device, server));
    return true;
  });
}

// Nobody knows what runs in it any more.
void Vms::forget_guest(Vm& vm) {
  vm.guest = {};
  vm.running_since = 0;
  if (!vm.move.under_way()) return;
  vm.move.state = State::kRefused;
  vm.move.detail = "the virtual machine has ended";
}

bool Vms::take_guest(Edit& edit, Stored<Vm>& vm, const VmReport& report) const {
  bool changed = false;
  if (report.state != VmState::kStarting && vm->running_since == 0) {
    vm->running_since = registry_.now();
    changed = true;
  }
  if (!report.guest || *report.guest == vm->guest) return changed;
  for (const DeviceModel& each : report.guest->models) {
    // (What is there from the start is told of by the state.)
    const bool is_new = std::ranges::find(vm->guest.models, each) == vm->guest.models.end();
    if (is_new && !vm->guest.models.empty())
      edit.event("device", keys::vm(vm->name), place_of(each));
  }
  vm->guest = *report.guest;
  return true;
}

bool Vms::take_move(Edit& edit, Stored<Vm>& vm, const VmReport& report) {
  DeviceMove& move = vm->move;
  if (!move.under_way() || report.moves != move.number) return false;
  move.state = report.not_moved.empty() ? State::kDone : State::kRefused;
  move.detail = report.not_moved;
  const bool done = move.state == State::kDone;
  edit.event(done ? "moved" : "not moved", keys::vm(vm->name),
             format("{} to {}{}{}", move.device, move.server, done ? "" : ": ", move.detail));
  return true;
}

}  // namespace orrery::cluster
