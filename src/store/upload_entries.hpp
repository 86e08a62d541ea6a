// What an upload consists of, in the order of the disk: docs/formats/store-upload.md. Both sides
// use it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "store/digest.hpp"

namespace orrery::store {

struct UploadEntry {
  enum class Kind : std::uint8_t {
    kZeroes = 0,
    kKnown = 1,  // a segment that the server has
    kData = 2,   // a segment with its bytes
  };

  Kind kind = Kind::kZeroes;
  std::uint64_t length = 0;  // of the disk, bytes
  Digest digest;             // not of zeroes
  ByteSpan bytes;            // kData: LENGTH of them, of the body that it was parsed from
};

// Entries in one body: what is sent again at most after a connection has broken.
inline constexpr std::size_t kMostUnpacked = 1 << 20;
// A body, which has eight bytes in front and is never longer than what is in it otherwise.
inline constexpr std::size_t kMostUploadBody = kMostUnpacked + 8;
// Digests in one question for what is missing.
inline constexpr std::size_t kMostAsked = 16'384;

// Appends an entry to what will be packed into a body.
void append_entry(std::vector<std::byte>& unpacked, const UploadEntry& entry);
std::size_t size_of(const UploadEntry& entry);
// UNPACKED: kMostUnpacked at most.
std::vector<std::byte> pack_body(ByteSpan unpacked);
Result<std::vector<std::byte>> unpack_body(ByteSpan body);
// The next entry, and takes it off; nothing at the end.
Result<std::optional<UploadEntry>> take_entry(ByteSpan& unpacked);

// A digest of entries in their order: two that have the same have the same disk so far, so an
// upload that was cut can go on.
class UploadState {
 public:
  void add(const UploadEntry& entry);

  std::uint64_t entries() const { return entries_; }
  const Digest& digest() const { return digest_; }
  friend bool operator==(const UploadState&, const UploadState&) = default;

 private:
  std::uint64_t entries_ = 0;
  Digest digest_;
};

}  // namespace orrery::store
