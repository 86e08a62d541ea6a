#include "cluster/host/reconcile/local_vm.hpp"

namespace orrery::cluster::host {

// Whether one that has not ended runs or is paused, and with what, is found out anew.
Json to_json(const LocalVm& vm) {
  return {{"name", vm.name},
          {"epoch", vm.epoch},
          {"ended", vm.phase == Phase::kEnded},
          {"resets", vm.resets},
          {"power_pressed", vm.power_pressed},
          {"failed", vm.failed},
          {"kept", vm.kept},
          {"moves", vm.moves},
          {"not_moved", vm.not_moved},
          {"detail", vm.detail}};
}

LocalVm local_vm_of(const Json& json) {
  LocalVm vm;
  vm.name = text_field(json, "name");
  vm.epoch = field(json, "epoch", vm.epoch);
  vm.phase = field(json, "ended", false) ? Phase::kEnded : Phase::kStarting;
  vm.resets = field(json, "resets", vm.resets);
  vm.power_pressed = field(json, "power_pressed", false);
  vm.failed = field(json, "failed", false);
  vm.kept = field(json, "kept", false);
  vm.moves = field(json, "moves", vm.moves);
  vm.not_moved = text_field(json, "not_moved");
  vm.detail = text_field(json, "detail");
  return vm;
}

}  // namespace orrery::cluster::host
