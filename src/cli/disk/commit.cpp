// `orrery disk commit`.
#include "cli/disk/disk.hpp"

namespace orrery::cli::disk {

void add_commit(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "commit", "write what a qcow2 holds into its backing file, which other disks then see too");
  const auto path = std::make_shared<std::string>();
  command->add_option("file", *path, "the disk; it stays as it is")->required();
  on_command(*command, status, [path](EventLoop& loop) -> Result<int> {
    ORRERY_CHECK(storage::commit_disk(loop, *path, make_progress("committing")));
    return 0;
  });
}

}  // namespace orrery::cli::disk
