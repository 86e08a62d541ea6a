#include "vmm/control/suspend.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/format.hpp"
#include "vmm/control/client.hpp"

namespace orrery::vmm::control {
namespace {

using Json = nlohmann::json;

// Disks that go with the run's end could not be found again.
Result<> check_disks(const Json& status) {
  for (const Json& each : status.at("disks")) {
    const auto path = each.at("path").get<std::string>();
    if (each.at("read_only").get<bool>() || ::access(path.c_str(), F_OK) == 0) continue;
    return fail(path +
                ": the VM's disk has no name any more; start the VM with \"disks=FOLDER\" behind "
                "its --snapshot, so that its disks stay");
  }
  return {};
}

Result<Suspended> keep(Client& vm, const snapshot::NewSnapshot& made, const std::string& name) {
  const Json request = {
      {"command", "snapshot-begin"}, {"name", name}, {"stay", true}, {"overlays", Json::array()}};
  ORRERY_TRY(const Json begun, vm.ask(request, {made.memory(), made.state()}));
  Suspended suspended;
  ORRERY_TRY(suspended.manifest, snapshot::from_json(begun.at("manifest")));
  ORRERY_TRY(const Json finished, vm.ask({{"command", "snapshot-finish"}}));
  suspended.pause = std::chrono::nanoseconds(finished.at("pause_ns").get<std::int64_t>());
  suspended.copied_pages = finished.at("copied_pages").get<std::uint64_t>();
  return suspended;
}

Result<Suspended> keep_durably(Client& vm, const snapshot::Library& library,
                               const std::string& name) {
  ORRERY_TRY(auto made, snapshot::NewSnapshot::begin(library, name));
  ORRERY_TRY(auto suspended, keep(vm, made, name));
  ORRERY_TRY(suspended.manifest, made.commit(std::move(suspended.manifest)));
  return suspended;
}

Result<Suspended> keep_and_end(const std::string& socket, const snapshot::Library& library,
                               const std::string& name) {
  ORRERY_TRY(auto vm, Client::connect(socket));
  ORRERY_TRY(const Json status, vm.ask({{"command", "status"}}));
  ORRERY_CHECK(check_disks(status));
  auto suspended = keep_durably(vm, library, name);
  if (!suspended) {
    if (status.at("state") == "running") static_cast<void>(vm.ask({{"command", "resume"}}));
    return suspended;
  }
  ORRERY_CHECK(vm.ask({{"command", "quit"}}));
  return suspended;
}

}  // namespace

Result<Suspended> suspend(const std::string& socket, const snapshot::Library& library,
                          const std::string& name) {
  try {
    return keep_and_end(socket, library, name);
  } catch (const Json::exception& error) {
    return fail(
        format("{}: the VM answers otherwise than expected ({}); use the program that "
               "runs it",
               socket, error.what()));
  }
}

}  // namespace orrery::vmm::control
