// `orrery top`: platforms and virtual machines of a control panel, again and again.
#include <chrono>
#include <map>
#include <memory>

#include <unistd.h>

#include "base/format.hpp"
#include "cli/cluster/cluster.hpp"
#include "cli/commands.hpp"
#include "cli/disk/disk.hpp"
#include "cluster/registry/fields.hpp"

namespace orrery::cli {
namespace cluster_commands {
namespace {

struct Given {
  Where where;
  unsigned seconds = 2;
  bool once = false;
};

std::string summary_of(const Json& vms) {
  std::map<std::string, unsigned> states;
  for (const Json& each : vms) ++states[text_in(each, "state")];
  std::string text = format("{} virtual machines", vms.size());
  for (const auto& [state, count] : states) text += format(", {} {}", count, state);
  return text;
}

void print(const Json& platforms, const Json& vms) {
  if (::isatty(STDOUT_FILENO) == 1) fmt::print("\x1b[H\x1b[2J");  // home, and clear (ECMA-48)
  fmt::print("{}\n\n", summary_of(vms));
  std::vector<std::vector<std::string>> rows;
  for (const Json& each : platforms) {
    const bool draining = cluster::field(each, "draining", false);
    rows.push_back({text_in(each, "name"), text_in(each, "state") + (draining ? ", draining" : ""),
                    format("{}", cluster::field(each, "vms", 0U)), memory_in(each, "allocated"),
                    memory_in(each, "capacity")});
  }
  print_table({"PLATFORM", "STATE", "VMS", "ALLOCATED", "MEMORY"}, rows);
  fmt::print("\n");
  rows.clear();
  for (const Json& each : vms) {
    const std::string state = text_in(each, "state");
    if (state == "stopped") continue;
    rows.push_back({text_in(each, "name"), state, text_in(each, "platform"),
                    memory_in(each, "needs"), text_in(each, "detail")});
  }
  print_table({"NAME", "STATE", "PLATFORM", "MEMORY", "DETAIL"}, rows);
  std::fflush(stdout);
}

void wait(EventLoop& loop, std::chrono::seconds time) {
  const auto timer = loop.create_timer([&loop] { loop.stop(); });
  timer->arm(std::chrono::steady_clock::now() + time);
  loop.run();
}

Result<int> show(EventLoop& loop, const Given& given) {
  ORRERY_TRY(cluster::ApiClient client, connect(loop, given.where));
  while (true) {
    ORRERY_TRY(const Json platforms, client.get_all("/v1/platforms"));
    ORRERY_TRY(const Json vms, client.get_all("/v1/vms"));
    if (given.where.json) {
      disk::print_json({{"platforms", platforms}, {"vms", vms}});
      return 0;
    }
    print(platforms, vms);
    if (given.once) return 0;
    wait(loop, std::chrono::seconds(given.seconds));
  }
}

}  // namespace
}  // namespace cluster_commands

void add_top(CLI::App& application, int& status) {
  namespace commands = cluster_commands;
  CLI::App* const command = application.add_subcommand("top", std::string(help_of("top")));
  const auto given = std::make_shared<commands::Given>();
  commands::add_where(*command, given->where);
  command->add_flag("--json", given->where.json, "print the panel's answers for programs, once");
  command->add_flag("--once", given->once, "not again and again");
  command->add_option("--seconds", given->seconds, "how often; 2 if left away")
      ->check(CLI::Range(1U, 3600U));
  disk::on_command(*command, status,
                   [given](EventLoop& loop) { return commands::show(loop, *given); });
}

}  // namespace orrery::cli
