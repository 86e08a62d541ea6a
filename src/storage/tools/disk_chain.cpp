// Changing what lies below a disk: commit and rebase.
#include <algorithm>

#include "base/format.hpp"
#include "storage/content_root.hpp"
#include "storage/disk_image.hpp"
#include "storage/request/run_task.hpp"
#include "storage/tools/disk_copy.hpp"
#include "storage/tools/disk_tools.hpp"
#include "storage/tools/open_alone.hpp"

namespace orrery::storage {
namespace {

using qcow2::Access;

Task<Result<>> commit_piece(port::Blocks& from, port::Blocks& to, Piece piece) {
  std::uint64_t offset = piece.offset;
  for (std::uint64_t length = piece.length; length != 0;) {
    const Result<port::BlockExtent> extent = co_await map_piece(from, offset, length);
    if (!extent) co_return fail(extent.error());
    Result<> done;
    if (extent->allocated && extent->zeroes) {
      done = co_await zero_piece(to, offset, extent->length);
    } else if (extent->allocated) {
      const MutableByteSpan bytes = piece.buffer.first(extent->length);
      done = co_await read_all(from, offset, bytes);
      if (done) done = co_await write_all(to, offset, bytes);
    }
    if (!done) co_return done;
    offset += extent->length;
    length -= extent->length;
  }
  co_return Result<>{};
}

Task<Result<>> read_below_or_zeroes(port::Blocks* below, std::uint64_t offset, MutableByteSpan to) {
  if (below != nullptr) co_return co_await read_with_zeroes(*below, offset, to);
  std::fill(to.begin(), to.end(), std::byte{0});
  co_return Result<>{};
}

// Below stretches that the image leaves to its backing file: the same as before, or made so.
Task<Result<>> rebase_piece(port::Blocks& disk, port::Blocks* below, Piece piece,
                            RebaseOptions::Mode mode) {
  std::uint64_t offset = piece.offset;
  for (std::uint64_t length = piece.length; length != 0;) {
    const Result<port::BlockExtent> extent = co_await map_piece(disk, offset, length);
    if (!extent) co_return fail(extent.error());
    const std::uint64_t part = std::min<std::uint64_t>(extent->length, 64_KiB);
    if (!extent->allocated) {
      const MutableByteSpan now = piece.buffer.first(part);
      const MutableByteSpan then = piece.second_buffer.first(part);
      Result<> done = co_await read_all(disk, offset, now);
      if (done) done = co_await read_below_or_zeroes(below, offset, then);
      std::optional<Difference> first;
      if (done) note_difference(first, offset, now, then);
      if (first) {
        if (mode == RebaseOptions::Mode::kVerify) {
          co_return fail(
              format("the new backing file differs at {}, so the disk would change; "
                     "nothing was done (without --verify what differs is copied into "
                     "the image first)",
                     first->offset));
        }
        done = co_await write_all(disk, offset, now);
      }
      if (!done) co_return done;
    }
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

struct NewBacking {
  std::string name;  // empty: none
  std::string format;
  DiskIdentity identity;
  std::optional<store::Digest> root;
};

Task<Result<>> rename_backing(qcow2::Image& image, NewBacking backing) {
  // What was copied is durable before it is needed.
  Result<> done = co_await image.flush();
  if (!done) co_return done;
  image.header().backing = std::move(backing.name);
  image.header().set_backing_format(backing.format);
  co_return co_await image.record_parent(backing.identity, backing.root);
}

// Of an image that nobody has open.
Result<> record_parent(EventLoop& loop, const std::string& path, const DiskIdentity& parent) {
  ORRERY_TRY(const auto disk, open_alone(loop, path, Access::kWrite));
  return run_task(loop, disk->image().record_parent(parent));
}

Result<> commit_into(EventLoop& loop, port::Blocks& backing, const std::string& path,
                     const Progress& progress) {
  ORRERY_TRY(const auto disk, open_alone(loop, path, Access::kRead));
  const Bytes size = disk->geometry().size;
  if (backing.geometry().size < size) ORRERY_CHECK(run_task(loop, resize_to(backing, size)));
  ORRERY_CHECK(for_each_piece(loop, size.value(), progress, [&](const Piece& piece) {
    return commit_piece(*disk, backing, piece);
  }));
  return flush_disk(loop, backing);
}

// The disk that an image is to lie over.
Result<std::unique_ptr<port::Blocks>> open_backing_of(EventLoop& loop, RebaseOptions& options) {
  DiskOptions open;
  open.path = backing_path(options.path, options.backing);
  if (!options.backing_format) {
    ORRERY_TRY(options.backing_format, choose_format(open.path, std::nullopt));
  }
  open.format = options.backing_format;
  open.read_only = true;
  return open_disk(loop, open);
}

// Its identifier shows that the new backing file is the old one, wherever that is now.
Result<bool> is_recorded_parent(EventLoop& loop, const std::string& path,
                                const DiskIdentity& identity) {
  ORRERY_TRY(const auto disk, open_alone(loop, path, Access::kRead));
  return identity.kind == DiskIdentity::Kind::kIdentifier &&
         disk->image().identities().parent == identity;
}

}  // namespace

Result<> commit_disk(EventLoop& loop, const std::string& path, const Progress& progress) {
  ORRERY_CHECK(expect_qcow2(path, std::nullopt));
  DiskOptions below;
  bool remembers = false;
  {
    // Opened whole, which fails where the backing file is another by now.
    DiskOptions whole;
    whole.path = path;
    whole.read_only = true;
    ORRERY_TRY(const auto chain, open_disk(loop, whole));
    auto& disk = dynamic_cast<qcow2::Disk&>(*chain);
    const qcow2::Header& header = disk.image().header();
    if (header.backing.empty()) return fail(path + ": has no backing file to be written into");
    below.path = backing_path(path, header.backing);
    below.format = Format::kRaw;
    if (const std::string said = header.backing_format(); !said.empty()) {
      ORRERY_TRY(below.format, parse_format(said));
    }
    // What is never written, only read, has nothing recorded.
    remembers = !header.extended_l2() && (header.incompatible & qcow2::kCorrupt) == 0;
  }
  auto backing = open_disk(loop, below);
  if (!backing) return fail(backing.error().context(path + ": its backing file"));
  // While the backing file changes, and after a crash, any content of it may be below.
  if (remembers) ORRERY_CHECK(record_parent(loop, path, {}));
  ORRERY_CHECK(commit_into(loop, **backing, path, progress));
  if (!remembers) return {};
  ORRERY_TRY(const DiskIdentity identity, identity_of(**backing, below.path));
  return record_parent(loop, path, identity);
}

Result<> rebase_disk(EventLoop& loop, const RebaseOptions& given, const Progress& progress) {
  using Mode = RebaseOptions::Mode;
  RebaseOptions options = given;
  ORRERY_CHECK(expect_qcow2(options.path, std::nullopt));
  std::unique_ptr<port::Blocks> below;
  NewBacking named{.name = options.backing, .format = {}, .identity = {}, .root = {}};
  if (!options.backing.empty()) {
    auto opened = open_backing_of(loop, options);
    if (opened) {
      below = std::move(*opened);
      ORRERY_TRY(named.identity, identity_of(*below, backing_path(options.path, options.backing)));
      named.root = recorded_root(*below);
      if (options.mode == Mode::kVerify) {
        ORRERY_TRY(const bool same, is_recorded_parent(loop, options.path, named.identity));
        if (same) options.mode = Mode::kUnchecked;
      }
    } else if (options.mode != Mode::kUnchecked || !options.backing_format) {
      return fail(opened.error());
    }
    named.format = qemu_name_of(*options.backing_format);
  }
  if (options.mode == Mode::kUnchecked) {
    ORRERY_TRY(const auto disk, open_alone(loop, options.path, Access::kWrite));
    return run_task(loop, rename_backing(disk->image(), std::move(named)));
  }
  DiskOptions open;
  open.path = options.path;
  ORRERY_TRY(const auto disk, open_disk(loop, open));
  ORRERY_CHECK(for_each_piece(
      loop, disk->geometry().size.value(), progress,
      [&](const Piece& piece) { return rebase_piece(*disk, below.get(), piece, options.mode); }));
  return run_task(loop, rename_backing(image->image(), std::move(named)));
}

}  // namespace orrery::storage
