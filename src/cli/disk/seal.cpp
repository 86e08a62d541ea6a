// `orrery disk seal`.
#include "cli/disk/disk.hpp"
#include "storage/tools/disk_content.hpp"

namespace orrery::cli::disk {

void add_seal(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "seal",
      "write down a digest of what a qcow2 and its backing file hold, for `check --content`");
  const auto path = std::make_shared<std::string>();
  command->add_option("file", *path, "the disk")->required();
  on_command(*command, status, [path](EventLoop& loop) -> Result<int> {
    ORRERY_CHECK(storage::seal_disk(loop, *path, make_progress("reading")));
    return 0;
  });
}

}  // namespace orrery::cli::disk
