#include "storage/vmdk/image.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "storage/io/inflate.hpp"

namespace orrery::storage::vmdk {
namespace {

constexpr std::uint64_t kMostDescriptor = 1_MiB;
constexpr const char* kOnePart =
    "is one part of a disk of several files, which Orrery does not read; convert the disk with "
    "`qemu-img convert`";

// "Stream-Optimized Compressed": before the data of each grain.
namespace marker_field {
constexpr std::size_t kLba = 0;   // u64, sectors of the disk
constexpr std::size_t kSize = 8;  // u32, bytes of the data
constexpr std::size_t kData = 12;
}  // namespace marker_field

}  // namespace

Task<Result<>> Image::open() {
  Result<> done = co_await read_headers();
  if (done) done = co_await read_descriptor();
  if (!done) co_return fail(done.error().context(path()));
  size_ = header_.capacity * kSector;
  co_return Result<>{};
}

Task<Result<>> Image::read_headers() {
  std::vector<std::byte> bytes(kSector);
  Result<> done = co_await file_->read(0, vectors_of(bytes));
  if (!done) co_return done;
  Result<Header> header = parse_header(bytes);
  if (!header) co_return fail(header.error());
  header_ = *header;
  if (header_.directory_at == kDirectoryAtEnd) {
    if (file_->size() < kFooterFromEnd) co_return fail("damaged: the file was cut off");
    done = co_await file_->read(file_->size() - kFooterFromEnd, vectors_of(bytes));
    if (!done) co_return done;
    header = parse_header(bytes);
    if (!header || header->directory_at == kDirectoryAtEnd) {
      co_return fail(
          "damaged: where its last header should be is something else; the file was cut "
          "off");
    }
    header->descriptor_at = header_.descriptor_at;
    header->descriptor_size = header_.descriptor_size;
    header_ = *header;
  }
  const std::uint64_t per_table = header_.grain_size * header_.entries_per_table;
  const std::uint64_t tables = (header_.capacity + per_table - 1) / per_table;
  const std::uint64_t sectors = file_->size() / kSector;
  if (header_.directory_at == 0 || header_.directory_at > sectors ||
      tables * 4 > file_->size() - header_.directory_at * kSector) {
    co_return fail(
        format("damaged: its grain directory ({} tables at sector {}) is not within the "
               "file of {} bytes",
               tables, header_.directory_at, file_->size()));
  }
  co_return Result<>{};
}

Task<Result<>> Image::read_descriptor() {
  const std::uint64_t sectors = file_->size() / kSector;
  if (header_.descriptor_at == 0 || header_.descriptor_size == 0) co_return fail(kOnePart);
  if (header_.descriptor_at > sectors || header_.descriptor_size > kMostDescriptor / kSector) {
    co_return fail("damaged: its descriptor is not within the file");
  }
  std::vector<std::byte> bytes(header_.descriptor_size * kSector);
  const Result<> done = co_await file_->read(header_.descriptor_at * kSector, vectors_of(bytes));
  if (!done) co_return done;
  descriptor_ = parse_descriptor({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (descriptor_.create_type.empty()) co_return fail(kOnePart);
  const bool known =
      descriptor_.create_type == "streamOptimized" || descriptor_.create_type == "monolithicSparse";
  if (!known || descriptor_.extents != 1) {
    co_return fail(
        format("is of type \"{}\" with {} parts; Orrery reads streamOptimized and "
               "monolithicSparse of one; convert it with `qemu-img convert`",
               descriptor_.create_type, descriptor_.extents));
  }
  if (!descriptor_.parent_content.empty() && descriptor_.parent_content != "ffffffff") {
    co_return fail(
        "lies over another VMDK, which Orrery does not read; convert it with `qemu-img "
        "convert`");
  }
  co_return Result<>{};
}

Task<Result<Stretch>> Image::map(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t grain = offset / grain_bytes();
  const std::uint64_t in_grain = offset % grain_bytes();
  const std::uint64_t table = grain / header_.entries_per_table;
  Stretch stretch;
  stretch.kind = Stretch::Kind::kBelow;
  const Result<std::uint32_t> table_at =
      co_await load_le32(header_.directory_at * kSector + table * 4);
  if (!table_at) co_return fail(table_at.error());
  if (*table_at == 0) {
    const std::uint64_t reach = grain_bytes() * header_.entries_per_table;
    stretch.length = std::min(length, reach - offset % reach);
    co_return stretch;
  }
  stretch.length = std::min(length, grain_bytes() - in_grain);
  const Result<std::uint32_t> entry =
      co_await load_le32(*table_at * kSector + grain % header_.entries_per_table * 4);
  if (!entry) co_return fail(entry.error());
  if (*entry == 0) co_return stretch;
  if (*entry == 1 && (header_.flags & kZeroedGrains) != 0) {
    stretch.kind = Stretch::Kind::kZero;
    co_return stretch;
  }
  stretch.host = *entry * kSector;
  if (stretch.host >= file_->size()) {
    co_return fail(damaged(format("a grain at {} lies behind the file's end", stretch.host)));
  }
  const bool packed = (header_.flags & kCompressed) != 0;
  stretch.kind = packed ? Stretch::Kind::kPacked : Stretch::Kind::kData;
  if (!packed) stretch.host += in_grain;
  co_return stretch;
}

Task<Result<>> Image::read_packed(Stretch stretch, std::uint64_t offset, BufferCursor& to) {
  if (unpacked_place_ != stretch.host) {
    const Result<> done = co_await unpack(stretch.host, offset / grain_bytes());
    if (!done) co_return done;
  }
  to.copy_in(ByteSpan(unpacked_).subspan(offset % grain_bytes(), stretch.length));
  co_return Result<>{};
}

Task<Result<>> Image::unpack(std::uint64_t place, std::uint64_t grain) {
  std::uint64_t at = place;
  // Incompressible data grows by a little; without a marker nothing says how long it is.
  std::uint64_t length = std::min(grain_bytes() * 2, file_->size() - place);
  if ((header_.flags & kMarkers) != 0) {
    std::vector<std::byte> marker(marker_field::kData);
    const Result<> read = co_await file_->read(place, vectors_of(marker));
    if (!read) co_return read;
    at += marker_field::kData;
    const auto lba = load_le<std::uint64_t>(&marker[marker_field::kLba]);
    const auto size = load_le<std::uint32_t>(&marker[marker_field::kSize]);
    if (lba != grain * header_.grain_size || size == 0 || size > grain_bytes() * 2 ||
        at > file_->size() || size > file_->size() - at) {
      co_return fail(damaged(format("what is at {} is not the grain of sector {}", place,
                                    grain * header_.grain_size)));
    }
    length = size;
  }
  std::vector<std::byte> packed(length);
  const Result<> read = co_await file_->read(at, vectors_of(packed));
  if (!read) co_return read;
  // The last one of a disk may end with the disk.
  std::vector<std::byte> bytes(grain_bytes());
  const Result<std::size_t> unpacked = inflate_into(DeflateHead::kZlib, packed, bytes);
  if (!unpacked) {
    co_return fail(damaged(format("the grain at {}: {}", place, unpacked.error().message())));
  }
  const std::uint64_t needed = std::min(grain_bytes(), size_ - grain * grain_bytes());
  if (*unpacked < needed) {
    co_return fail(damaged(format("the grain at {} has {} bytes", place, *unpacked)));
  }
  unpacked_ = std::move(bytes);
  unpacked_place_ = place;
  co_return Result<>{};
}

}  // namespace orrery::storage::vmdk
