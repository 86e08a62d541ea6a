#include "vmm/control/commands.hpp"

#include <algorithm>
#include <string>

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

CommandTask tell_status(Target& target) {
  const Status status = target.status();
  Json disks = Json::array();
  for (const DiskStatus& disk : status.disks) {
    disks.push_back(
        {{"path", disk.path}, {"read_only", disk.read_only}, {"under_way", disk.under_way}});
  }
  co_return Json{{"state", status.paused ? "paused" : "running"},
                 {"hypervisor", status.hypervisor},
                 {"vcpus", status.vcpus},
                 {"memory", status.memory.value()},
                 {"disks", std::move(disks)}};
}

CommandTask pause(Target& target) {
  const Result<> done = co_await target.pause();
  co_return answer_of(done);
}

CommandTask resume(Target& target) {
  co_return answer_of(target.resume());
}

CommandTask power_off(Target& target) {
  co_return answer_of(target.power_off());
}

CommandTask reset(Target& target) {
  co_return answer_of(target.reset());
}

CommandTask quit(Target& target) {
  co_return answer_of(target.quit());
}

CommandTask run_command(const Json& request, Target& target) {
  const std::string name = request.at("command").get<std::string>();
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const Command& command) { return command.name == name; });
  if (found == kCommands.end()) {
    co_return fail(format("\"{}\" is no command of this VM's; see `orrery control --help`", name));
  }
  co_return co_await found->run(target);
}

}  // namespace orrery::vmm::control
