// Making disks: new ones, and out of others.
#include <array>
#include <bit>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "storage/content_root.hpp"
#include "storage/disk_image.hpp"
#include "storage/qcow2/content_record.hpp"
#include "storage/qcow2/create.hpp"
#include "storage/qcow2/identity.hpp"
#include "storage/tools/disk_copy.hpp"
#include "storage/vhdx/create.hpp"
#include "storage/vhdx/layout.hpp"
#include "storage/windows_path.hpp"

namespace orrery::storage {
namespace {

constexpr std::uint64_t kMostBytes = 1ull << 62;  // of a disk

Result<> write_new_file(const std::string& path, ByteSpan bytes, std::uint64_t length) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file) {
    if (errno == EEXIST) {
      return fail(path + ": is there already; choose another name, or remove it first");
    }
    return fail_errno(path + ": cannot be made");
  }
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail_errno(path);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::ftruncate(file.get(), static_cast<off_t>(length)) != 0) {
    return fail_errno(path + ": cannot have its size");
  }
  if (::fsync(file.get()) != 0) return fail_errno(path);
  return {};
}

// What is recorded of the disk below.
struct Backing {
  DiskIdentity identity;
  std::optional<store::Digest> root;
};

// Completes the size and the formats.
Result<Backing> look_at_backing(EventLoop& loop, CreateOptions& options) {
  const std::string path = backing_path(options.path, options.backing);
  if (!options.backing_format) {
    ORRERY_TRY(options.backing_format, choose_format(path, std::nullopt));
  }
  DiskOptions below;
  below.path = path;
  below.format = options.backing_format;
  below.read_only = true;
  below.cache = options.cache;
  auto disk = open_disk(loop, below);
  if (!disk) return fail(disk.error().context("the backing file"));
  if (options.format == Format::kVhdx) {
    const std::uint32_t sector = (*disk)->geometry().logical_block_size;
    if (*options.backing_format != Format::kVhdx) {
      return fail(
          format("{}: a vhdx lies over a vhdx only, and this is {}; make a qcow2, or "
                 "convert it first",
                 path, name_of(*options.backing_format)));
    }
    if (options.sector_size.value_or(sector) != sector) {
      return fail(
          format("{}: has sectors of {} bytes, and so has what lies over it", path, sector));
    }
    options.sector_size = sector;
  }
  if (!options.size) options.size = (*disk)->geometry().size;
  ORRERY_TRY(const DiskIdentity identity, identity_of(**disk, path));
  return Backing{identity, recorded_root(**disk)};
}

Result<std::vector<std::byte>> make_qcow2(const CreateOptions& options, const Backing& backing) {
  qcow2::Header header;
  header.size = options.size->value();
  header.backing = options.backing;
  if (options.cluster_size != 0) {
    header.cluster_bits = static_cast<std::uint32_t>(std::countr_zero(options.cluster_size));
  }
  if (options.backing_format && !options.backing.empty()) {
    header.set_backing_format(qemu_name_of(*options.backing_format));
  }
  const qcow2::Identities identities{.own = draw_identity(), .parent = backing.identity};
  qcow2::set_identities(header, identities);
  if (backing.root) {
    ORRERY_CHECK(qcow2::set_content_roots(header, identities, {.own = {}, .parent = backing.root}));
  }
  return qcow2::make_empty(header);
}

Result<vhdx::NewImage> make_vhdx(const CreateOptions& options, const DiskIdentity& parent) {
  // What Hyper-V takes: large where they are all there is, small where a change copies nothing.
  constexpr std::uint32_t kUsual = 32u << 20;
  constexpr std::uint32_t kUsualOverParent = 2u << 20;
  vhdx::Metadata metadata;
  metadata.disk_size = options.size->value();
  metadata.leave_allocated = options.fixed;
  metadata.logical_sector = options.sector_size.value_or(512);
  metadata.block_size = options.backing.empty() ? kUsual : kUsualOverParent;
  if (options.cluster_size != 0) metadata.block_size = options.cluster_size;
  if (!options.backing.empty()) {
    const std::string path = backing_path(options.path, options.backing);
    metadata.parent =
        vhdx::ParentLocator{.linkage = vhdx::Guid{parent.identifier},
                            .linkage2 = {},
                            .relative_path = relative_windows_path(options.path, path),
                            .volume_path = {},
                            .absolute_path = {}};
  }
  return vhdx::make_empty(metadata);
}

Result<> check_shape(const CreateOptions& options) {
  const bool vhdx = options.format == Format::kVhdx;
  const bool qcow2 = options.format == Format::kQcow2;
  if (!vhdx && !qcow2 && options.format != Format::kRaw) {
    return fail(format("a {} is only read here; make a qcow2, a vhdx or a raw disk",
                       name_of(options.format)));
  }
  const std::uint32_t least = vhdx ? vhdx::kLeastBlock : 1u << qcow2::kLeastClusterBits;
  const std::uint32_t most = vhdx ? vhdx::kMostBlock : 1u << qcow2::kMostClusterBits;
  const std::uint32_t cluster = options.cluster_size;
  if (cluster != 0 && (cluster < least || cluster > most || !std::has_single_bit(cluster))) {
    return fail(
        format("clusters of {} bytes: they have a power of two, {} to {}", cluster, least, most));
  }
  if (options.format == Format::kRaw && !options.backing.empty()) {
    return fail("a raw disk has no backing file; make a qcow2");
  }
  if (!vhdx && (options.fixed || options.sector_size)) {
    return fail(
        format("a {} is not fixed and has no sector size; make a vhdx", name_of(options.format)));
  }
  const std::uint32_t sector = options.sector_size.value_or(512);
  if (sector != 512 && sector != 4096) {
    return fail(format("sectors of {} bytes: a vhdx has 512 or 4096", sector));
  }
  if (options.fixed && !options.backing.empty()) {
    return fail("a fixed disk has no backing file");
  }
  return {};
}

// What a new disk reads as.
enum class Fresh : std::uint8_t { kZeroes, kNoise };

// To a disk that reads as zeroes: so without those that BYTES has.
Task<Result<>> write_sparsely(port::Blocks& to, std::uint64_t offset, MutableByteSpan bytes) {
  constexpr std::uint64_t kGrain = 64_KiB;  // of zeroes that are left out
  const auto grain = [&](std::uint64_t at) {
    return bytes.subspan(at, std::min(kGrain, bytes.size() - at));
  };
  for (std::uint64_t at = 0; at < bytes.size();) {
    std::uint64_t end = at;
    while (end < bytes.size() && !is_zero(grain(end))) end += grain(end).size();
    if (end > at) {
      const Result<> written = co_await write_all(to, offset + at, bytes.subspan(at, end - at));
      if (!written) co_return written;
    }
    at = end;
    if (at < bytes.size()) at += grain(at).size();
  }
  co_return Result<>{};
}

// From OFFSET on, up to LENGTH: bytes that are known to be zeroes, or not.
Task<Result<port::BlockExtent>> find_run(port::Blocks& disk, std::uint64_t offset,
                                         std::uint64_t length) {
  port::BlockExtent run;
  while (run.length < length) {
    const Result<port::BlockExtent> next =
        co_await map_piece(disk, offset + run.length, length - run.length);
    if (!next) co_return fail(next.error());
    if (run.length != 0 && next->zeroes != run.zeroes) break;
    run.zeroes = next->zeroes;
    run.length += next->length;
  }
  co_return run;
}

Task<Result<>> copy_piece(port::Blocks& from, port::Blocks& to, Fresh fresh, Piece piece) {
  for (std::uint64_t done = 0; done < piece.length;) {
    const std::uint64_t offset = piece.offset + done;
    const Result<port::BlockExtent> run = co_await find_run(from, offset, piece.length - done);
    if (!run) co_return fail(run.error());
    done += run->length;
    if (run->zeroes && fresh == Fresh::kZeroes) continue;
    const MutableByteSpan bytes = piece.buffer.first(run->length);
    Result<> copied = co_await read_all(from, offset, bytes);
    if (!copied) co_return copied;
    copied = fresh == Fresh::kNoise ? co_await write_all(to, offset, bytes)
                                    : co_await write_sparsely(to, offset, bytes);
    if (!copied) co_return copied;
  }
  co_return Result<>{};
}

Result<> copy_to(EventLoop& loop, const ConvertOptions& options, port::Blocks& from,
                 const std::string& partial, const Progress& progress) {
  CreateOptions create;
  create.path = partial;
  create.format = options.to_format;
  create.size = from.geometry().size;
  create.cluster_size = options.cluster_size;
  create.fixed = options.fixed;
  if (options.to_format == Format::kVhdx && from.geometry().logical_block_size == 4096) {
    create.sector_size = 4096;
  }
  create.encryption = options.encryption;
  if (create.encryption) {
    ORRERY_TRY(create.encryption->key,
               hold_new_key(options.encryption->key, "new key of " + options.to));
  }
  ORRERY_CHECK(create_disk(loop, create));
  DiskOptions open;
  open.path = partial;
  open.format = options.to_format;
  open.write_behind = true;
  if (create.encryption) open.encryption = create.encryption->key;
  const Fresh fresh = create.encryption ? Fresh::kNoise : Fresh::kZeroes;
  ORRERY_TRY(const auto to, open_disk(loop, open));
  ORRERY_CHECK(for_each_piece(loop, create.size->value(), progress, [&](const Piece& piece) {
    return copy_piece(from, *to, fresh, piece);
  }));
  return flush_disk(loop, *to);
}

}  // namespace

namespace {

Result<> create_plain(EventLoop& loop, CreateOptions options) {
  Backing backing;
  if (!options.backing.empty() && !options.backing_in_use) {
    ORRERY_TRY(backing, look_at_backing(loop, options));
  }
  if (!options.size) return fail("no size; say how large the disk is, such as 8G");
  const std::uint64_t size = options.size->value();
  if (size == 0 || size % 512 != 0 || size > kMostBytes) {
    return fail(format("{} bytes: a disk has a multiple of 512 bytes, such as 8G", size));
  }
  if (options.format == Format::kRaw) return write_new_file(options.path, {}, size);
  if (options.format == Format::kVhdx) {
    auto made = make_vhdx(options, backing.identity);
    if (!made) return fail(made.error().context(options.path));
    return write_new_file(options.path, made->bytes, made->length);
  }
  auto bytes = make_qcow2(options, backing);
  if (!bytes) return fail(bytes.error().context(options.path));
  return write_new_file(options.path, *bytes, bytes->size());
}

// A disk that cannot be encrypted does not stay.
Result<> create_encrypted(EventLoop& loop, const CreateOptions& options) {
  const Result<> encrypted =
      encrypt_new_disk(loop, options.path, options.format, *options.encryption);
  if (!encrypted) ::unlink(options.path.c_str());
  return encrypted;
}

}  // namespace

Result<> create_disk(EventLoop& loop, const CreateOptions& given) {
  CreateOptions options = given;
  ORRERY_CHECK(check_shape(options));
  if (!options.encryption) return create_plain(loop, std::move(options));
  if (!options.backing.empty()) {
    return fail(
        "a disk over a backing file is encrypted as that is, with its key; leave the encryption "
        "away here");
  }
  if (options.size && options.size->value() <= kMostBytes) {
    options.size = Bytes(options.size->value() + encryption_overhead().value());
  }
  ORRERY_CHECK(create_plain(loop, options));
  return create_encrypted(loop, options);
}

Result<> convert_disk(EventLoop& loop, const ConvertOptions& options, const Progress& progress) {
  if (!options.replace && ::access(options.to.c_str(), F_OK) == 0) {
    return fail(options.to + ": is there already; choose another name, or add --replace");
  }
  DiskOptions open;
  open.path = options.from;
  open.format = options.from_format;
  open.read_only = true;
  open.snapshot = options.snapshot;
  open.encryption = options.from_encryption;
  ORRERY_TRY(const auto from, open_disk(loop, open));
  const std::string partial = options.to + ".partial";
  const Result<> copied = copy_to(loop, options, *from, partial, progress);
  if (!copied) {
    // Not where it was there before: then it is somebody else's.
    if (copied.error().message().find("is there already") == std::string::npos) {
      ::unlink(partial.c_str());
    }
    return fail(copied.error());
  }
  if (std::rename(partial.c_str(), options.to.c_str()) != 0) {
    return fail_errno(options.to + ": cannot be named");
  }
  return {};
}

}  // namespace orrery::storage
