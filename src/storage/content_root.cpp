#include "storage/content_root.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <map>
#include <optional>

#include "storage/qcow2/content_record.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/tools/disk_copy.hpp"

namespace orrery::storage {
namespace {

constexpr std::uint64_t kSectorSize = 512;
constexpr std::uint64_t kSegment = 64_KiB;
constexpr std::size_t kSegmentSectors = kSegment / kSectorSize;
constexpr std::size_t kPieceSectors = kPiece / kSectorSize;
static_assert(kPiece % kSegment == 0);

// What is hashed first, so that no other use of the same bytes gives the same digest.
constexpr std::string_view kMagic = "ORRERY-CONTENT-1";

ByteSpan bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

struct SegmentDigest {
  std::uint64_t index = 0;
  store::Digest digest;
};

class RootBuilder {
 public:
  RootBuilder(port::Blocks& disk, std::uint64_t size) : disk_(disk) {
    root_.update(bytes_of(kMagic));
    add_number(size);
  }

  Task<Result<>> take(Piece piece) {
    std::bitset<kPieceSectors> held;
    const Result<> read = co_await read_held(piece, held);
    if (!read) co_return read;
    std::vector<SegmentDigest> segments;
    for (std::uint64_t at = 0; at < piece.length; at += kSegment) {
      const std::uint64_t length = std::min(kSegment, piece.length - at);
      const auto digest = digest_of(piece.buffer.subspan(at, length), held, at / kSectorSize);
      if (digest) segments.push_back({(piece.offset + at) / kSegment, *digest});
    }
    done_.emplace(piece.offset, std::pair(piece.length, std::move(segments)));
    add_what_is_next();
    co_return Result<>{};
  }
  store::Digest finish() { return root_.finish(); }

 private:
  // Fills the piece's buffer with what the disk holds of it.
  Task<Result<>> read_held(Piece piece, std::bitset<kPieceSectors>& held) {
    for (std::uint64_t at = 0; at < piece.length;) {
      const auto extent = co_await map_piece(disk_, piece.offset + at, piece.length - at);
      if (!extent) co_return fail(extent.error());
      const MutableByteSpan bytes = piece.buffer.subspan(at, extent->length);
      if (extent->allocated) {
        for (std::uint64_t i = 0; i < extent->length; i += kSectorSize) {
          held.set((at + i) / kSectorSize);
        }
      }
      if (extent->allocated && extent->zeroes) {
        std::fill(bytes.begin(), bytes.end(), std::byte{0});
      } else if (extent->allocated) {
        const Result<> read = co_await read_all(disk_, piece.offset + at, bytes);
        if (!read) co_return read;
      }
      at += extent->length;
    }
    co_return Result<>{};
  }

  // Which sectors there are, one bit each, and then these; nothing where there are none.
  std::optional<store::Digest> digest_of(ByteSpan segment, const std::bitset<kPieceSectors>& held,
                                         std::size_t first) {
    std::array<std::byte, kSegmentSectors / 8> map{};
    for (std::size_t i = 0; i < segment.size() / kSectorSize; ++i) {
      if (held.test(first + i)) map[i / 8] |= std::byte{1} << (i % 8);
    }
    if (std::all_of(map.begin(), map.end(), [](std::byte b) { return b == std::byte{0}; })) {
      return std::nullopt;
    }
    segment_.update(map);
    for (std::size_t i = 0; i < segment.size() / kSectorSize;) {
      std::size_t end = i;
      while (end < segment.size() / kSectorSize && held.test(first + end)) ++end;
      segment_.update(segment.subspan(i * kSectorSize, (end - i) * kSectorSize));
      i = std::max(end, i + 1);
    }
    return segment_.finish();
  }

  void add_what_is_next() {
    for (auto first = done_.begin(); first != done_.end() && first->first == next_;) {
      for (const SegmentDigest& segment : first->second.second) {
        add_number(segment.index);
        root_.update(segment.digest.bytes);
      }
      next_ += first->second.first;
      first = done_.erase(first);
    }
  }
  void add_number(std::uint64_t number) {
    std::array<std::byte, 8> bytes{};
    store_le(bytes.data(), number);
    root_.update(bytes);
  }

  port::Blocks& disk_;
  store::Hasher root_;
  store::Hasher segment_;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::vector<SegmentDigest>>> done_;
  std::uint64_t next_ = 0;
};

}  // namespace

Result<store::Digest> content_root(EventLoop& loop, port::Blocks& disk, const Progress& progress) {
  ORRERY_CHECK(store::load_hasher());
  const std::uint64_t size = disk.geometry().size.value();
  RootBuilder builder(disk, size);
  ORRERY_CHECK(for_each_piece(loop, size, progress,
                              [&](const Piece& piece) { return builder.take(piece); }));
  return builder.finish();
}

std::optional<store::Digest> recorded_root(const port::Blocks& disk) {
  const auto* const qcow2 = dynamic_cast<const qcow2::Disk*>(&disk);
  if (qcow2 == nullptr) return std::nullopt;
  const qcow2::Image& image = qcow2->image();
  const auto roots = qcow2::read_content_roots(image.header(), image.identities());
  return roots ? roots->own : std::nullopt;
}

}  // namespace orrery::storage
