#include "vmm/control/commands.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/format.hpp"

namespace orrery::vmm::control {
namespace {

using Json = nlohmann::json;

// An answer that says no more than that it is done.
Result<Json> answer_of(const Result<>& done) {
  if (!done) return fail(done.error());
  return Json::object();
}

}  // namespace

CommandTask tell_status(Call& call) {
  const Status status = call.target.status();
  Json disks = Json::array();
  for (const DiskStatus& disk : status.disks) {
    disks.push_back({{"path", disk.path},
                     {"bytes", disk.size.value()},
                     {"read_only", disk.read_only},
                     {"under_way", disk.under_way}});
  }
  Json devices = Json::array();
  for (const RemoteDeviceStatus& device : status.devices) {
    devices.push_back({{"name", device.name}, {"server", device.server}, {"found", device.found}});
  }
  Json models = Json::array();
  for (const ModelStatus& model : status.models) {
    models.push_back({{"name", model.name},
                      {"kind", model.kind},
                      {"server", model.server},
                      {"found", model.found}});
  }
  co_return Json{{"state", status.paused ? "paused" : "running"},
                 {"hypervisor", status.hypervisor},
                 {"vcpus", status.vcpus},
                 {"memory", status.memory.value()},
                 {"disks", std::move(disks)},
                 {"devices", std::move(devices)},
                 {"models", std::move(models)}};
}

CommandTask tell_figures(Call& call) {
  const Figures figures = call.target.figures();
  Json devices = Json::array();
  for (const auto& [name, traffic] : figures.devices) {
    devices.push_back({{"name", name},
                       {"in", traffic.in},
                       {"in_bytes", traffic.in_bytes},
                       {"out", traffic.out},
                       {"out_bytes", traffic.out_bytes}});
  }
  co_return Json{{"taken_ns", figures.taken.count()},
                 {"processor_ns", figures.processor.count()},
                 {"resident", figures.resident.value()},
                 {"devices", std::move(devices)}};
}

CommandTask pause(Call& call) {
  const Result<> done = co_await call.target.pause();
  co_return answer_of(done);
}

CommandTask resume(Call& call) {
  co_return answer_of(call.target.resume());
}

CommandTask power_off(Call& call) {
  co_return answer_of(call.target.power_off());
}

CommandTask reset(Call& call) {
  co_return answer_of(call.target.reset());
}

CommandTask quit(Call& call) {
  co_return answer_of(call.target.quit());
}

CommandTask move_device(Call& call) {
  const auto device = call.request.find("device");
  const auto server = call.request.find("server");
  if (device == call.request.end() || !device->is_string() || server == call.request.end() ||
      !server->is_string()) {
    co_return fail("a move needs the texts \"device\" and \"server\"");
  }
  const Result<> done =
      co_await call.target.move_device(device->get<std::string>(), server->get<std::string>());
  co_return answer_of(done);
}

// Two files come with it, and one for each name in "overlays".
CommandTask begin_snapshot(Call& call) {
  const auto name = call.request.find("name");
  const auto overlays = call.request.find("overlays");
  const bool sound = name != call.request.end() && name->is_string() &&
                     overlays != call.request.end() && overlays->is_array() &&
                     call.files.size() == overlays->size() + 2 &&
                     std::all_of(overlays->begin(), overlays->end(),
                                 [](const Json& each) { return each.is_string(); });
  if (!sound) {
    co_return fail(
        "a snapshot needs a \"name\" and a list \"overlays\" of paths, and with the request come "
        "an open file for "
        "the memory, one for the state, and one for each overlay");
  }
  if (call.snapshot) co_return fail("this client's last snapshot is not finished");
  SnapshotRequest request{.name = name->get<std::string>(),
                          .stay = call.request.value("stay", Json()) == true,
                          .memory = std::move(call.files[0]),
                          .state = std::move(call.files[1]),
                          .overlays = {}};
  for (std::size_t i = 0; i < overlays->size(); ++i) {
    request.overlays.push_back({std::move(call.files[i + 2]), (*overlays)[i].get<std::string>()});
  }
  auto begun = co_await call.target.begin_snapshot(std::move(request));
  if (!begun) co_return fail(begun.error());
  call.snapshot = std::move(*begun);
  co_return Json{{"manifest", snapshot::to_json(call.snapshot->manifest())}};
}

CommandTask finish_snapshot(Call& call) {
  if (!call.snapshot) co_return fail("this client has begun no snapshot");
  const auto snapshot = std::exchange(call.snapshot, nullptr);
  const Result<SnapshotReport> report = co_await snapshot->finish();
  if (!report) co_return fail(report.error());
  co_return Json{{"pause_ns", report->pause.count()}, {"copied_pages", report->copied_pages}};
}

CommandTask run_command(Call& call) {
  const std::string name = call.request.at("command").get<std::string>();
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const Command& command) { return command.name == name; });
  if (found == kCommands.end()) {
    co_return fail(format("\"{}\" is no command of this VM's; see `orrery control --help`", name));
  }
  co_return co_await found->run(call);
}

}  // namespace orrery::vmm::control
