#include "snapshot/kept_disk.hpp"

#include "base/format.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::snapshot {

Result<storage::DiskOptions> find_kept_disk(EventLoop& loop, const Library& library,
                                            const Disk& disk) {
  storage::DiskOptions options;
  options.path = library.disk_path(disk.file);
  options.format = storage::Format::kQcow2;
  options.read_only = true;
  options.serial = disk.serial;
  ORRERY_TRY(const auto found, storage::describe_disk(loop, options.path, options.format));
  if (found.identity == disk.identity) return options;
  return fail(
      format("{}: is not the disk that the snapshot was made with: its content is {}, and {} was "
             "expected; bring the old file back",
             options.path, found.identity, disk.identity));
}

}  // namespace orrery::snapshot
