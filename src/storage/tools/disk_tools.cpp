#include "storage/tools/disk_tools.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"
#include "storage/disk_image.hpp"
#include "storage/qcow2/check.hpp"
#include "storage/qcow2/content_record.hpp"
#include "storage/request/run_task.hpp"
#include "storage/store/store_disk.hpp"
#include "storage/tools/disk_copy.hpp"
#include "storage/tools/open_alone.hpp"
#include "storage/vhd/image.hpp"
#include "storage/vhdx/check.hpp"
#include "storage/vmdk/image.hpp"

namespace orrery::storage {
namespace {

using qcow2::Access;

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
  const qcow2::Identities& identities = image.identities();
  if (identities.own.kind != DiskIdentity::Kind::kNone) {
    description.identity = describe(identities.own);
  }
  if (identities.parent.kind != DiskIdentity::Kind::kNone) {
    description.parent_identity = describe(identities.parent);
  }
  if (const auto roots = qcow2::read_content_roots(header, identities)) {
    if (roots->own) description.content_root = to_hex(*roots->own);
    if (roots->parent) description.parent_root = to_hex(*roots->parent);
  }
  description.lazy_refcounts = (header.compatible & qcow2::kLazyRefcounts) != 0;
  for (const qcow2::Snapshot& each : image.snapshots()) {
    description.snapshots.push_back({each.id, each.name, each.seconds, each.size, each.state_size});
  }
}

void describe_vhdx(DiskDescription& description, const vhdx::Image& image) {
  const vhdx::Metadata& metadata = image.metadata();
  description.size = Bytes(metadata.disk_size);
  description.cluster_size = metadata.block_size;
  description.sector_size = metadata.logical_sector;
  description.kind = metadata.parent ? "differencing" : metadata.fixed() ? "fixed" : "dynamic";
  description.dirty = !image.log_was_empty();
  description.identity = to_text(image.header().data_write);
  if (!metadata.parent) return;
  description.backing_format = name_of(Format::kVhdx);
  description.parent_identity = to_text(metadata.parent->linkage);
  for (const std::string& path : {metadata.parent->relative_path, metadata.parent->volume_path,
                                  metadata.parent->absolute_path}) {
    if (description.backing.empty()) description.backing = path;
  }
}

void describe_vhd(DiskDescription& description, const vhd::Image& image) {
  const vhd::Footer& footer = image.footer();
  description.size = Bytes(footer.size);
  description.kind = footer.kind == vhd::Kind::kFixed     ? "fixed"
                     : footer.kind == vhd::Kind::kDynamic ? "dynamic"
                                                          : "differencing";
  if (footer.kind == vhd::Kind::kFixed) return;
  description.cluster_size = image.header().block_size;
  if (footer.kind != vhd::Kind::kDifferencing) return;
  description.backing_format = name_of(Format::kVhd);
  if (!image.parent_paths().empty()) description.backing = image.parent_paths().front();
}

void describe_vmdk(DiskDescription& description, const vmdk::Image& image) {
  description.size = Bytes(image.size());
  description.kind = image.descriptor().create_type;
  description.cluster_size = image.grain_bytes();
}

Result<CheckReport> check_vhdx(EventLoop& loop, const std::string& path, Repair repair) {
  const auto access = repair == Repair::kYes ? vhdx::Access::kWrite : vhdx::Access::kRead;
  ORRERY_TRY(const auto disk, open_vhdx_alone(loop, path, access));
  if (repair == Repair::kYes) ORRERY_CHECK(run_task(loop, disk->image().renew_copies()));
  return vhdx::check(disk->image());
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

// Both are known to be zeroes, behind their ends too.
Task<Result<bool>> zeroes_in_both(port::Blocks& one, port::Blocks& other, Piece piece) {
  for (port::Blocks* const disk : {&one, &other}) {
    const std::uint64_t size = disk->geometry().size.value();
    if (piece.offset >= size) continue;
    const std::uint64_t length = std::min(piece.length, size - piece.offset);
    const auto extent = co_await map_piece(*disk, piece.offset, length);
    if (!extent) co_return fail(extent.error());
    if (!extent->zeroes || extent->length < length) co_return false;
  }
  co_return true;
}

Task<Result<>> compare_piece(port::Blocks& one, port::Blocks& other, Piece piece,
                             std::optional<Difference>& first) {
  if (first) co_return Result<>{};
  const Result<bool> zeroes = co_await zeroes_in_both(one, other, piece);
  if (!zeroes) co_return fail(zeroes.error());
  if (*zeroes) co_return Result<>{};
  Result<> done = co_await read_with_zeroes(one, piece.offset, piece.buffer);
  if (done) done = co_await read_with_zeroes(other, piece.offset, piece.second_buffer);
  if (done) note_difference(first, piece.offset, piece.buffer, piece.second_buffer);
  co_return done;
}

}  // namespace

namespace {

Result<DiskDescription> describe_file(EventLoop& loop, const std::string& path,
                                      std::optional<Format> said) {
  if (names_store_image(path)) {
    ORRERY_TRY(const StorePath named, parse_store_path(path));
    return fail(orrery::format("{}: is an image of a store; see `orrery store show {} {}`", path,
                               named.folder, named.image));
  }
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
  if (description.format == Format::kVhdx) {
    ORRERY_TRY(const auto disk, open_vhdx_alone(loop, path, vhdx::Access::kRead));
    describe_vhdx(description, disk->image());
    return description;
  }
  if (description.format == Format::kVhd) {
    ORRERY_TRY(const auto disk, open_read_alone(loop, path, description.format));
    describe_vhd(description, dynamic_cast<const vhd::Image&>(disk->image()));
    return description;
  }
  if (description.format == Format::kVmdk) {
    ORRERY_TRY(const auto disk, open_read_alone(loop, path, description.format));
    describe_vmdk(description, dynamic_cast<const vmdk::Image&>(disk->image()));
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

// Where the chain cannot be opened, what it is is told nevertheless.
void describe_content(EventLoop& loop, const std::string& path, DiskDescription& description) {
  DiskOptions options;
  options.path = path;
  options.format = description.format;
  options.read_only = true;
  const auto disk = open_disk(loop, options);
  if (!disk) return;
  auto encryption = describe_encryption(loop, **disk);
  if (encryption) description.encryption = std::move(*encryption);
}

}  // namespace

Result<DiskDescription> describe_disk(EventLoop& loop, const std::string& path,
                                      std::optional<Format> said) {
  ORRERY_TRY(DiskDescription description, describe_file(loop, path, said));
  describe_content(loop, path, description);
  return description;
}

Result<CheckReport> check_disk(EventLoop& loop, const std::string& path,
                               std::optional<Format> format, Repair repair) {
  ORRERY_TRY(const Format what, choose_format(path, format));
  if (what == Format::kVhdx) return check_vhdx(loop, path, repair);
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
                     Bytes size, Shrink shrink, const std::optional<KeySource>& encryption) {
  DiskOptions options;
  options.path = path;
  options.format = format;
  options.encryption = encryption;
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
  ORRERY_CHECK(run_task(loop, resize_to(*disk, size)));
  return flush_disk(loop, *disk);
}

Result<std::optional<Difference>> compare_disks(EventLoop& loop, const ComparedDisk& one,
                                                const ComparedDisk& other,
                                                const Progress& progress) {
  DiskOptions options;
  options.read_only = true;
  options.path = one.path;
  options.encryption = one.encryption;
  ORRERY_TRY(const auto left, open_disk(loop, options));
  options.path = other.path;
  options.encryption = other.encryption;
  ORRERY_TRY(const auto right, open_disk(loop, options));
  const std::uint64_t size =
      std::max(left->geometry().size.value(), right->geometry().size.value());
  std::optional<Difference> first;
  ORRERY_CHECK(for_each_piece(loop, size, progress, [&](const Piece& piece) {
    return compare_piece(*left, *right, piece, first);
  }));
  return first;
}

}  // namespace orrery::storage
