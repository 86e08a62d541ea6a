#include "storage/content/segment_hasher.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "storage/request/submitted.hpp"
#include "storage/request/transfers.hpp"

namespace orrery::storage {
namespace {

constexpr std::uint64_t kSectorSize = 512;
constexpr std::size_t kSegmentSectors = kContentSegment / kSectorSize;

// What is hashed first, so that no other use of the same bytes gives the same digest.
constexpr std::string_view kMagic = "ORRERY-CONTENT-1";

ByteSpan bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

using Held = std::vector<bool>;  // by sector

// Fills BUFFER with what the disk holds of it.
Task<Result<>> read_held(port::Blocks& disk, std::uint64_t offset, MutableByteSpan buffer,
                         Held& held) {
  for (std::uint64_t at = 0; at < buffer.size();) {
    const auto extent = co_await Mapped(disk, offset + at, buffer.size() - at);
    if (!extent) co_return fail(extent.error());
    const MutableByteSpan bytes = buffer.subspan(at, extent->length);
    if (extent->allocated) {
      std::fill_n(held.begin() + static_cast<std::ptrdiff_t>(at / kSectorSize),
                  extent->length / kSectorSize, true);
    }
    if (extent->allocated && extent->zeroes) {
      std::fill(bytes.begin(), bytes.end(), std::byte{0});
    } else if (extent->allocated) {
      const Result<> read = co_await read_all(disk, offset + at, bytes);
      if (!read) co_return read;
    }
    at += extent->length;
  }
  co_return Result<>{};
}

// Which sectors there are, one bit each, and then these; nothing where there are none.
std::optional<SegmentDigest> digest_of(ByteSpan segment, Held::const_iterator held) {
  const std::size_t sectors = segment.size() / kSectorSize;
  std::array<std::byte, kSegmentSectors / 8> map{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < sectors; ++i) {
    if (!held[static_cast<std::ptrdiff_t>(i)]) continue;
    map[i / 8] |= std::byte{1} << (i % 8);
    ++count;
  }
  if (count == 0) return std::nullopt;
  store::Hasher hasher;
  hasher.update(map);
  for (std::size_t i = 0; i < sectors;) {
    std::size_t end = i;
    while (end < sectors && held[static_cast<std::ptrdiff_t>(end)]) ++end;
    hasher.update(segment.subspan(i * kSectorSize, (end - i) * kSectorSize));
    i = std::max(end, i + 1);
  }
  return SegmentDigest{.index = 0, .digest = hasher.finish(), .whole = count == sectors};
}

}  // namespace

Task<Result<std::vector<SegmentDigest>>> hash_segments(port::Blocks& disk, std::uint64_t offset,
                                                       MutableByteSpan buffer) {
  Held held(buffer.size() / kSectorSize);
  const Result<> read = co_await read_held(disk, offset, buffer, held);
  if (!read) co_return fail(read.error());
  std::vector<SegmentDigest> segments;
  for (std::uint64_t at = 0; at < buffer.size(); at += kContentSegment) {
    const std::uint64_t length = std::min<std::uint64_t>(kContentSegment, buffer.size() - at);
    auto digest = digest_of(buffer.subspan(at, length),
                            held.begin() + static_cast<std::ptrdiff_t>(at / kSectorSize));
    if (!digest) continue;
    digest->index = (offset + at) / kContentSegment;
    segments.push_back(*digest);
  }
  co_return segments;
}

RootHasher::RootHasher(std::uint64_t size) {
  root_.update(bytes_of(kMagic));
  add_number(size);
}

void RootHasher::add(const SegmentDigest& segment) {
  add_number(segment.index);
  root_.update(segment.digest.bytes);
}

void RootHasher::add_number(std::uint64_t number) {
  std::array<std::byte, 8> bytes{};
  store_le(bytes.data(), number);
  root_.update(bytes);
}

}  // namespace orrery::storage
