// The `orrery` command.
#include <algorithm>
#include <string>

#include <CLI/CLI.hpp>

#include "base/format.hpp"
#include "cli/commands.hpp"

namespace orrery::cli {

std::string_view help_of(std::string_view command) {
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const Command& known) { return known.name == command; });
  return found == kCommands.end() ? std::string_view() : found->help;
}

namespace {

// 1: the same as every other mistake of the user's or the host's.
constexpr int kUsageError = 1;

int parse_and_run(int argc, char** argv) {
  CLI::App application("Orrery, a virtual-machine monitor", "orrery");
  application.require_subcommand(1);
  application.set_version_flag("--version", ORRERY_VERSION);
  int status = 0;
  for (const Command& command : kCommands) command.add(application, status);
  try {
    application.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return application.exit(error);
    const auto chosen = application.get_subcommands();
    const std::string where = chosen.empty() ? "orrery" : "orrery " + chosen[0]->get_name();
    fmt::print(stderr, "{}: {}; see `{} --help`\n", where, error.what(), where);
    return kUsageError;
  }
  return status;
}

}  // namespace
}  // namespace orrery::cli

int main(int argc, char** argv) {
  return orrery::cli::parse_and_run(argc, argv);
}
