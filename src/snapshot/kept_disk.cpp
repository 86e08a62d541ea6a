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
  ORRERY_CHECK(check_identity(options.path, found.identity, disk));
  return options;
}

Result<> check_unchanged(EventLoop& loop, const storage::DiskOptions& options, const Disk& disk) {
  // (An encrypted one, whose key might be asked for once more, is looked at by who opens it.)
  if (disk.identity.empty() || options.encryption) return {};
  storage::DiskOptions only_read = options;
  only_read.read_only = true;
  ORRERY_TRY(const auto opened, storage::open_disk(loop, only_read));
  ORRERY_TRY(const auto identity, storage::identity_of(*opened, only_read.path));
  return check_identity(only_read.path, storage::describe(identity), disk);
}

Result<> check_may_leave(EventLoop& loop, const storage::DiskOptions& options, const Disk& disk) {
  if (options.encryption && !disk.read_only) {
    return fail(options.path +
                ": is encrypted, and its copy would not be; go on from the snapshot on this host");
  }
  return check_unchanged(loop, options, disk);
}

Result<> check_identity(const std::string& path, const std::string& found, const Disk& disk) {
  if (found == disk.identity) return {};
  return fail(
      format("{}: is not the disk that the snapshot was made with: its content is {}, and {} was "
             "expected; {}",
             path, found, disk.identity,
             disk.read_only || disk.kept
                 ? "bring the old file back"
                 : "the VM has gone on since, or somebody else has written to it"));
}

}  // namespace orrery::snapshot
