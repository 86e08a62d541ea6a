#include "snapshot/transfer.hpp"

#include <unistd.h>

#include "base/format.hpp"
#include "snapshot/files.hpp"
#include "snapshot/kept_disk.hpp"
#include "storage/tools/disk_content.hpp"

namespace orrery::snapshot {
namespace {

class Transfer {
 public:
  Transfer(EventLoop& loop, const Library& from, const Manifest& manifest, NewSnapshot made,
           const storage::Progress& progress)
      : loop_(loop),
        from_(from),
        manifest_(manifest),
        made_(std::move(made)),
        progress_(progress) {}

  Result<Manifest> run(const TransferOptions& options);

 private:
  Result<> copy_parts();
  Result<storage::DiskOptions> kept_disk(const Disk& disk) const;
  Result<Disk> copy_disk(const Disk& disk, const storage::DiskOptions& source);

  EventLoop& loop_;
  const Library& from_;
  const Manifest& manifest_;
  NewSnapshot made_;
  const storage::Progress& progress_;
};

Result<Manifest> Transfer::run(const TransferOptions& options) {
  ORRERY_CHECK(from_.verify(manifest_.name));
  ORRERY_CHECK(copy_parts());
  Manifest copied = manifest_;
  copied.options = options.options;
  copied.disks.clear();
  auto read_only = options.read_only.begin();
  for (const Disk& disk : manifest_.disks) {
    storage::DiskOptions source;
    if (disk.kept) {
      ORRERY_TRY(source, kept_disk(disk));
    } else {
      source = *read_only++;
      ORRERY_CHECK(check_may_leave(loop_, source, disk));
    }
    ORRERY_TRY(Disk there, copy_disk(disk, source));
    if (!disk.kept) ORRERY_CHECK(check_unchanged(loop_, source, disk));  // nor was it meanwhile
    copied.disks.push_back(std::move(there));
  }
  for (std::size_t i = 0; i < copied.disks.size(); ++i) {
    ORRERY_CHECK(made_.keep_disk(made_.scratch(format("disk{}", i)), copied.disks[i].file));
  }
  return made_.commit(std::move(copied));
}

// commit() compares what arrived with the sums of the original.
Result<> Transfer::copy_parts() {
  ORRERY_TRY(const auto state, from_.read_state(manifest_));
  ORRERY_CHECK(write_all(made_.state(), state, 0, made_.scratch("state")));
  ORRERY_TRY(const FileDescriptor memory, from_.open_memory(manifest_));
  return copy_sparse(memory.get(), made_.memory(), made_.scratch("memory"));
}

// What it was, and whole as far as its digest can tell.
Result<storage::DiskOptions> Transfer::kept_disk(const Disk& disk) const {
  ORRERY_TRY(const auto source, find_kept_disk(loop_, from_, disk));
  ORRERY_TRY(const auto findings,
             storage::check_content(loop_, source.path, source.format, progress_));
  for (const storage::ContentFinding& each : findings) {
    using Kind = storage::ContentFinding::Kind;
    if (each.kind == Kind::kChanged || each.kind == Kind::kUnreadable) return fail(each.text);
  }
  return source;
}

Result<Disk> Transfer::copy_disk(const Disk& disk, const storage::DiskOptions& source) {
  storage::ConvertOptions convert;
  convert.from = source.path;
  convert.from_format = source.format;
  convert.snapshot = source.snapshot;
  convert.from_encryption = source.encryption;
  convert.to = made_.scratch(format("disk{}", &disk - manifest_.disks.data()));
  ORRERY_CHECK(storage::convert_disk(loop_, convert, progress_));
  ORRERY_CHECK(storage::seal_disk(loop_, convert.to, progress_));
  ORRERY_TRY(const auto made, storage::describe_disk(loop_, convert.to, storage::Format::kQcow2));
  Disk there = disk;
  there.file = made_.new_disk();
  there.path.clear();
  there.identity = made.identity;
  there.kept = true;
  return there;
}

}  // namespace

Result<Manifest> transfer(EventLoop& loop, const Library& from, const Manifest& manifest,
                          const Library& to, const TransferOptions& options,
                          const storage::Progress& progress) {
  ORRERY_TRY(const auto lock, from.lock(Library::Use::kShared));
  ORRERY_TRY(auto made, NewSnapshot::begin(to, options.name));
  return Transfer(loop, from, manifest, std::move(made), progress).run(options);
}

}  // namespace orrery::snapshot
