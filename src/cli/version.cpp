// `orrery version`.
#include <string>

#include <CLI/CLI.hpp>

#include "base/format.hpp"
#include "cli/commands.hpp"

namespace orrery::cli {

void add_version(CLI::App& application, int& status) {
  CLI::App* const command = application.add_subcommand("version", std::string(help_of("version")));
  command->callback([&status] {
    fmt::print("orrery {}\n", ORRERY_VERSION);
    status = 0;
  });
}

}  // namespace orrery::cli
