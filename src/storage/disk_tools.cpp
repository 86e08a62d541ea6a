#include "storage/disk_tools.hpp"

#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"
#include "storage/disk_copy.hpp"
#include "storage/disk_image.hpp"
#include "storage/open_file.hpp"
#include "storage/qcow2/check.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/run_task.hpp"

namespace orrery::storage {
namespace {

using qcow2::Access;

// An image alone, without what lies below it.
Result<std::unique_ptr<qcow2::Disk>> open_alone(EventLoop& loop, const std::string& path,
                                                Access access) {
  const auto file_access = access == Access::kRead ? FileAccess::kRead : FileAccess::kWrite;
  ORRERY_TRY(auto file, open_image_file(loop, path, file_access));
  qcow2::DiskOptions options;
  options.access = access;
  return qcow2::Disk::open(loop, std::move(file), options);
}

// For tools that need what only qcow2 has.
Result<> expect_qcow2(const std::string& path, std::optional<Format> said) {
  if (::access(path.c_str(), R_OK) != 0) return fail_errno(path + ": cannot open");
  ORRERY_TRY(const Format format, choose_format(path, said));
  if (format != Format::kQcow2) return fail(path + ": is a raw disk, and this is for qcow2");
  return {};
}

void describe_qcow2(DiskDescription& description, const qcow2::Image& image) {
  const qcow2::Header& header = image.header();
  description.size = Bytes(header.size);
  description.version = header.version;
  description.cluster_size = header.cluster_size();
  description.compression = header.compression == qcow2::Compression::kZstd ? "zstd" : "zlib";
  description.backing = header.backing;
  description.backing_format = header.backing_format();
  description.dirty = (header.incompatible & qcow2::kDirty) != 0;
  description.corrupt = (header.incompatible & qcow2::kCorrupt) != 0;
  description.subclusters = header.extended_l2();
  description.lazy_refcounts = (header.compatible & qcow2::kLazyRefcounts) != 0;
  for (const qcow2::Snapshot& each : image.snapshots()) {
    description.snapshots.push_back({each.id, each.name, each.seconds, each.size, each.state_size});
  }
}

bool continues(const MappedExtent& before, const port::BlockExtent& next) {
  const port::BlockExtent& extent = before.extent;
  if (extent.allocated != next.allocated || extent.zeroes != next.zeroes) return false;
  if (extent.host_offset.has_value() != next.host_offset.has_value()) return false;
  return !next.host_offset || *next.host_offset == *extent.host_offset + extent.length;
}

Task<Result<std::vector<MappedExtent>>> map_all(port::Blocks& disk) {
  std::vector<MappedExtent> extents;
  const std::uint64_t size = disk.geometry().size.value();
  for (std::uint64_t offset = 0; offset < size;) {
    const Result<port::BlockExtent> extent = co_await map_piece(disk, offset, size - offset);
    if (!extent) co_return fail(extent.error());
    if (!extents.empty() && continues(extents.back(), *extent)) {
      extents.back().extent.length += extent->length;
    } else {
      extents.push_back({offset, *extent});
    }
    offset += extent->length;
  }
  co_return extents;
}

Task<Result<>> resize_task(port::Blocks& disk, Bytes size) {
  struct Resized {
    port::Blocks& disk;
    Bytes size;
    Result<> result;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      disk.resize(size, [this, handle](Result<> done) {
        result = std::move(done);
        handle.resume();
      });
    }
    Result<> await_resume() { return std::move(result); }
  };
  co_return co_await Resized{disk, size, {}};
}

// The earliest difference that was found.
void note_difference(std::optional<Difference>& first, std::uint64_t offset, ByteSpan one,
                     ByteSpan other) {
  const auto differs = std::mismatch(one.begin(), one.end(), other.begin()).first;
  if (differs == one.end()) return;
  const auto at = static_cast<std::uint64_t>(differs - one.begin());
  const std::uint64_t sector = (offset + at) / 512 * 512;
  if (!first || sector < first->offset) first = Difference{sector};
}

Task<Result<>> compare_piece(port::Blocks& one, port::Blocks& other, std::uint64_t offset,
                             std::uint64_t length, std::optional<Difference>& first) {
  if (first) co_return Result<>{};
  std::vector<std::byte> left(length);
  std::vector<std::byte> right(length);
  Result<> done = co_await read_with_zeroes(one, offset, left);
  if (done) done = co_await read_with_zeroes(other, offset, right);
  if (done) note_difference(first, offset, left, right);
  co_return done;
}

Task<Result<>> commit_piece(port::Blocks& from, port::Blocks& to, std::uint64_t offset,
                            std::uint64_t length) {
  while (length != 0) {
    const Result<port::BlockExtent> extent = co_await map_piece(from, offset, length);
    if (!extent) co_return fail(extent.error());
    Result<> done;
    if (extent->allocated && extent->zeroes) {
      done = co_await zero_piece(to, offset, extent->length);
    } else if (extent->allocated) {
      std::vector<std::byte> bytes(extent->length);
      done = co_await read_piece(from, offset, bytes);
      if (done) done = co_await write_piece(to, offset, bytes);
    }
    if (!done) co_return done;
    offset += extent->length;
    length -= extent->length;
  }
  co_return Result<>{};
}

// Below stretches that the image leaves to its backing file: the same as before, or made so.
Task<Result<>> rebase_piece(port::Blocks& disk, port::Blocks* below, std::uint64_t offset,
                            std::uint64_t length, RebaseOptions::Mode mode) {
  while (length != 0) {
    const Result<port::BlockExtent> extent = co_await map_piece(disk, offset, length);
    if (!extent) co_return fail(extent.error());
    const std::uint64_t part = std::min<std::uint64_t>(extent->length, 64_KiB);
    if (!extent->allocated) {
      std::vector<std::byte> now(part);
      std::vector<std::byte> then(part);
      Result<> done = co_await read_piece(disk, offset, now);
      if (done && below != nullptr) done = co_await read_with_zeroes(*below, offset, then);
      if (done && now != then) {
        std::optional<Difference> first;
        note_difference(first, offset, now, then);
        if (mode == RebaseOptions::Mode::kVerify) {
          co_return fail(
              format("the new backing file differs at {}, so the disk would change; "
                     "nothing was done (without --verify what differs is copied into "
                     "the image first)",
                     first->offset));
        }
        done = co_await write_piece(disk, offset, now);
      }
      if (!done) co_return done;
    }
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

Task<Result<>> rename_backing(qcow2::Image& image, std::string backing, std::string format) {
  // What was copied is durable before it is needed.
  Result<> done = co_await image.flush();
  if (!done) co_return done;
  image.header().backing = std::move(backing);
  const auto* const text = reinterpret_cast<const std::byte*>(format.data());
  image.header().set_extension(qcow2::kExtensionBackingFormat, {text, text + format.size()});
  done = co_await image.write_header();
  if (done) done = co_await image.file().sync();
  co_return done;
}

}  // namespace

Result<DiskDescription> describe_disk(EventLoop& loop, const std::string& path,
                                      std::optional<Format> said) {
  DiskDescription description;
  ORRERY_TRY(description.format, choose_format(path, said));
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(path);
  description.file_size = Bytes(static_cast<std::uint64_t>(status.st_size));
  description.on_host = Bytes(static_cast<std::uint64_t>(status.st_blocks) * 512);
  if (description.format == Format::kQcow2) {
    ORRERY_TRY(const auto disk, open_alone(loop, path, Access::kRead));
    describe_qcow2(description, disk->image());
    return description;
  }
  DiskOptions options;
  options.path = path;
  options.format = Format::kRaw;
  options.read_only = true;
  ORRERY_TRY(const auto disk, open_disk(loop, options));
  description.size = disk->geometry().size;
  return description;
}

Result<CheckReport> check_disk(EventLoop& loop, const std::string& path,
                               std::optional<Format> format, Repair repair) {
  ORRERY_CHECK(expect_qcow2(path, format));
  const Access access = repair == Repair::kYes ? Access::kRepair : Access::kRead;
  ORRERY_TRY(const auto disk, open_alone(loop, path, access));
  if (repair == Repair::kYes) ORRERY_CHECK(run_task(loop, qcow2::repair(disk->image())));
  return run_task(loop, qcow2::check(disk->image()));
}

Result<std::vector<MappedExtent>> map_disk(EventLoop& loop, const std::string& path,
                                           std::optional<Format> format) {
  DiskOptions options;
  options.path = path;
  options.format = format;
  options.read_only = true;
  ORRERY_TRY(const auto disk, open_disk(loop, options));
  return run_task(loop, map_all(*disk));
}

Result<> resize_disk(EventLoop& loop, const std::string& path, std::optional<Format> format,
                     Bytes size, Shrink shrink) {
  DiskOptions options;
  options.path = path;
  options.format = format;
  ORRERY_TRY(const auto disk, open_disk(loop, options));
  const Bytes old = disk->geometry().size;
  if (size.value() == 0 || size.value() % 512 != 0 || size.value() > 1ull << 62) {
    return fail(orrery::format("{} bytes: a disk has a multiple of 512 bytes", size.value()));
  }
  if (size < old && shrink == Shrink::kRefuse) {
    return fail(
        orrery::format("{}: has {} bytes, and what lies behind {} would be lost; if that "
                       "is meant, add --shrink",
                       path, old.value(), size.value()));
  }
  ORRERY_CHECK(run_task(loop, resize_task(*disk, size)));
  return flush_disk(loop, *disk);
}

Result<std::optional<Difference>> compare_disks(EventLoop& loop, const std::string& one,
                                                const std::string& other,
                                                const Progress& progress) {
  DiskOptions options;
  options.read_only = true;
  options.path = one;
  ORRERY_TRY(const auto left, open_disk(loop, options));
  options.path = other;
  ORRERY_TRY(const auto right, open_disk(loop, options));
  const std::uint64_t size =
      std::max(left->geometry().size.value(), right->geometry().size.value());
  std::optional<Difference> first;
  ORRERY_CHECK(
      for_each_piece(loop, size, progress, [&](std::uint64_t offset, std::uint64_t length) {
        return compare_piece(*left, *right, offset, length, first);
      }));
  return first;
}

Result<> commit_disk(EventLoop& loop, const std::string& path, const Progress& progress) {
  ORRERY_CHECK(expect_qcow2(path, std::nullopt));
  ORRERY_TRY(const auto disk, open_alone(loop, path, Access::kRead));
  const qcow2::Header& header = disk->image().header();
  if (header.backing.empty()) return fail(path + ": has no backing file to be written into");
  DiskOptions below;
  below.path = backing_path(path, header.backing);
  if (const std::string said = header.backing_format(); !said.empty()) {
    ORRERY_TRY(below.format, parse_format(said));
  } else {
    below.format = Format::kRaw;
  }
  auto backing = open_disk(loop, below);
  if (!backing) return fail(backing.error().context(path + ": its backing file"));
  const Bytes size = disk->geometry().size;
  if ((*backing)->geometry().size < size)
    ORRERY_CHECK(run_task(loop, resize_task(**backing, size)));
  ORRERY_CHECK(
      for_each_piece(loop, size.value(), progress, [&](std::uint64_t offset, std::uint64_t length) {
        return commit_piece(*disk, **backing, offset, length);
      }));
  return flush_disk(loop, **backing);
}

Result<> rebase_disk(EventLoop& loop, const RebaseOptions& options, const Progress& progress) {
  using Mode = RebaseOptions::Mode;
  ORRERY_CHECK(expect_qcow2(options.path, std::nullopt));
  std::unique_ptr<port::Blocks> below;
  std::optional<Format> format = options.backing_format;
  if (!options.backing.empty()) {
    DiskOptions open;
    open.path = backing_path(options.path, options.backing);
    if (!format) {
      ORRERY_TRY(format, choose_format(open.path, std::nullopt));
    }
    open.format = format;
    open.read_only = true;
    if (options.mode != Mode::kUnchecked) {
      ORRERY_TRY(below, open_disk(loop, open));
    }
  }
  const std::string name(options.backing.empty() ? "" : name_of(*format));
  if (options.mode == Mode::kUnchecked) {
    ORRERY_TRY(const auto disk, open_alone(loop, options.path, Access::kWrite));
    return run_task(loop, rename_backing(disk->image(), options.backing, name));
  }
  DiskOptions open;
  open.path = options.path;
  ORRERY_TRY(const auto disk, open_disk(loop, open));
  ORRERY_CHECK(for_each_piece(loop, disk->geometry().size.value(), progress,
                              [&](std::uint64_t offset, std::uint64_t length) {
                                return rebase_piece(*disk, below.get(), offset, length,
                                                    options.mode);
                              }));
  auto* const image = dynamic_cast<qcow2::Disk*>(disk.get());
  if (image == nullptr) return fail(options.path + ": is no qcow2 any more");
  return run_task(loop, rename_backing(image->image(), options.backing, name));
}

}  // namespace orrery::storage
