#include "snapshot/revert.hpp"

#include <filesystem>

#include <unistd.h>

#include "base/format.hpp"
#include "snapshot/files.hpp"
#include "snapshot/kept_disk.hpp"
#include "storage/disk_image.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::snapshot {
namespace {

// A disk that is ready to take its place; removed if it does not.
class Replacement {
 public:
  static Result<Replacement> make(EventLoop& loop, const Library& library, const Disk& disk);
  Replacement(Replacement&& other) noexcept
      : path_(std::move(other.path_)),
        made_(std::exchange(other.made_, {})),
        old_(std::move(other.old_)) {}
  Replacement& operator=(Replacement&&) = delete;
  ~Replacement() {
    if (!made_.empty()) ::unlink(made_.c_str());
  }

  const std::string& path() const { return path_; }
  Result<> take_place();

 private:
  Replacement() = default;

  std::string path_;
  std::string made_;
  FileDescriptor old_;  // locked: nobody uses it
};

Result<Replacement> Replacement::make(EventLoop& loop, const Library& library, const Disk& disk) {
  Replacement replacement;
  replacement.path_ = disk.path;
  if (::access(disk.path.c_str(), F_OK) == 0) {
    ORRERY_TRY(replacement.old_, storage::lock_disk(disk.path));
  }
  storage::CreateOptions create;
  create.path = disk.path + ".reverted";
  ORRERY_TRY(const auto kept, find_kept_disk(loop, library, disk));
  create.backing = kept.path;
  create.backing_format = kept.format;
  ::unlink(create.path.c_str());  // of somebody who was killed
  ORRERY_CHECK(storage::create_disk(loop, create));
  replacement.made_ = create.path;
  ORRERY_CHECK(library.note_head(disk.file, disk.path));
  return replacement;
}

Result<> Replacement::take_place() {
  if (::rename(made_.c_str(), path_.c_str()) != 0) {
    return fail_errno(path_ + ": cannot be replaced");
  }
  made_.clear();
  return sync_folder(std::filesystem::path(path_).parent_path());
}

}  // namespace

Result<std::vector<std::string>> revert_disks(EventLoop& loop, const Library& library,
                                              const std::string& name) {
  ORRERY_TRY(const auto lock, library.lock(Library::Use::kShared));
  ORRERY_TRY(const Manifest manifest, library.read(name));
  std::vector<Replacement> replacements;
  for (const Disk& disk : manifest.disks) {
    if (disk.read_only) continue;
    if (!disk.kept) {
      return fail(
          format("{}: its VM ended with it, and its disks stayed where they were; go on "
                 "from it with `orrery run --snapshot`",
                 name));
    }
    if (disk.path.empty()) {
      return fail(name +
                  ": came from another host, so no disk here is its VM's; go on from it with "
                  "`orrery run --snapshot`");
    }
    ORRERY_TRY(auto replacement, Replacement::make(loop, library, disk));
    replacements.push_back(std::move(replacement));
  }
  std::vector<std::string> paths;
  for (Replacement& each : replacements) {
    ORRERY_CHECK(each.take_place());
    paths.push_back(each.path());
  }
  return paths;
}

}  // namespace orrery::snapshot
