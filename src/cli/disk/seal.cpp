// `orrery disk seal`.
#include "cli/disk/disk.hpp"
#include "storage/tools/disk_content.hpp"

namespace orrery::cli::disk {

void add_seal(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "seal",
      "write down a digest of what a qcow2 and its backing file hold, for `check --content`");
  const auto path = std::make_shared<std::string>();
  const auto segments = std::make_shared<bool>(false);
  command->add_option("file", *path, "the disk")->required();
  command->add_flag("--segments", *segments,
                    "also write FILE.segments, the digests by which reads are verified (--verify); "
                    "the same of a backing file that is no qcow2");
  on_command(*command, status, [path, segments](EventLoop& loop) -> Result<int> {
    const auto wanted = *segments ? storage::Segments::kWrite : storage::Segments::kNone;
    ORRERY_CHECK(storage::seal_disk(loop, *path, make_progress("reading"), wanted));
    return 0;
  });
}

}  // namespace orrery::cli::disk
