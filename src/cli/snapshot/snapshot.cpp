// `orrery snapshot`: the group.
#include "cli/snapshot/snapshot.hpp"

#include "cli/commands.hpp"

namespace orrery::cli {
namespace snapshot_commands {

void add_library(CLI::App& command, std::string& folder) {
  command.add_option("--library", folder,
                     "the folder of snapshots; if left away, $ORRERY_SNAPSHOTS or "
                     "~/.local/share/orrery/snapshots");
}

}  // namespace snapshot_commands

void add_snapshots(CLI::App& application, int& status) {
  CLI::App* const group = application.add_subcommand("snapshot", std::string(help_of("snapshot")));
  group->require_subcommand(1);
  using namespace snapshot_commands;
  for (const auto add : {add_create, add_list, add_show, add_verify, add_revert, add_delete,
                         add_merge, add_export, add_import, add_push}) {
    add(*group, status);
  }
}

}  // namespace orrery::cli
