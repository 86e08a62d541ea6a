#include "store/upload_entries.hpp"

#include <algorithm>
#include <array>

#include "base/format.hpp"
#include "store/pack/compression.hpp"
#include "store/segmenter.hpp"

namespace orrery::store {
namespace {

constexpr std::size_t kBodyHeader = 8;   // u32 length, u32 method
constexpr std::size_t kEntryHeader = 9;  // u8 kind, u64 length
constexpr std::size_t kDigest = 32;
// Fast: the store compresses once more, its own way.
constexpr int kLevel = 1;

std::size_t size_of(UploadEntry::Kind kind, std::uint64_t length) {
  if (kind == UploadEntry::Kind::kZeroes) return kEntryHeader;
  return kEntryHeader + kDigest + (kind == UploadEntry::Kind::kData ? length : 0);
}

}  // namespace

std::size_t size_of(const UploadEntry& entry) {
  return size_of(entry.kind, entry.length);
}

void append_entry(std::vector<std::byte>& unpacked, const UploadEntry& entry) {
  std::array<std::byte, kEntryHeader> header{static_cast<std::byte>(entry.kind)};
  store_le(&header[1], entry.length);
  unpacked.insert(unpacked.end(), header.begin(), header.end());
  if (entry.kind == UploadEntry::Kind::kZeroes) return;
  unpacked.insert(unpacked.end(), entry.digest.bytes.begin(), entry.digest.bytes.end());
  if (entry.kind == UploadEntry::Kind::kData) {
    unpacked.insert(unpacked.end(), entry.bytes.begin(), entry.bytes.end());
  }
}

std::vector<std::byte> pack_body(ByteSpan unpacked) {
  const Compressed compressed = compress(unpacked, kLevel);
  std::vector<std::byte> body(kBodyHeader + compressed.bytes.size());
  store_le(&body[0], static_cast<std::uint32_t>(unpacked.size()));
  store_le(&body[4], static_cast<std::uint32_t>(compressed.method));
  std::copy(compressed.bytes.begin(), compressed.bytes.end(), body.begin() + kBodyHeader);
  return body;
}

Result<std::vector<std::byte>> unpack_body(ByteSpan body) {
  if (body.size() < kBodyHeader) return fail("the body is too short");
  const auto length = load_le<std::uint32_t>(&body[0]);
  const auto method = load_le<std::uint32_t>(&body[4]);
  if (length > kMostUnpacked) {
    return fail(format("the body has {} bytes of entries, and may have {}", length, kMostUnpacked));
  }
  if (method > static_cast<std::uint32_t>(Method::kZstd)) {
    return fail(format("the body is packed by the unknown method {}", method));
  }
  std::vector<std::byte> unpacked(length);
  ORRERY_CHECK(decompress(body.subspan(kBodyHeader), static_cast<Method>(method), unpacked));
  return unpacked;
}

Result<std::optional<UploadEntry>> take_entry(ByteSpan& unpacked) {
  if (unpacked.empty()) return std::nullopt;
  UploadEntry entry;
  const auto kind = static_cast<std::uint8_t>(unpacked[0]);
  if (unpacked.size() < kEntryHeader ||
      kind > static_cast<std::uint8_t>(UploadEntry::Kind::kData)) {
    return fail("an entry is cut off, or of an unknown kind");
  }
  entry.kind = static_cast<UploadEntry::Kind>(kind);
  entry.length = load_le<std::uint64_t>(&unpacked[1]);
  const bool zeroes = entry.kind == UploadEntry::Kind::kZeroes;
  if (entry.length == 0 || (!zeroes && entry.length > kMostSegment)) {
    return fail(format("a segment has 1 to {} bytes, not {}", kMostSegment, entry.length));
  }
  const std::size_t size = size_of(entry);
  if (unpacked.size() < size) return fail("an entry is cut off");
  if (!zeroes) {
    std::copy_n(unpacked.begin() + kEntryHeader, kDigest, entry.digest.bytes.begin());
    entry.bytes = unpacked.subspan(kEntryHeader + kDigest, size - kEntryHeader - kDigest);
  }
  unpacked = unpacked.subspan(size);
  return entry;
}

void UploadState::add(const UploadEntry& entry) {
  std::array<std::byte, kDigest + 8 + kDigest> bytes{};
  std::copy(digest_.bytes.begin(), digest_.bytes.end(), bytes.begin());
  store_le(&bytes[kDigest], entry.length);
  std::copy(entry.digest.bytes.begin(), entry.digest.bytes.end(), bytes.begin() + kDigest + 8);
  digest_ = Hasher().digest(bytes);
  ++entries_;
}

}  // namespace orrery::store
