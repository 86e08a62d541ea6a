// In which order a start of a guest first reads its image: recorded beside the cached manifest, so
// that the next start can fetch it ahead. docs/formats/store-cache.md, "Order".
//
// Offsets of the disk, so a record also serves an image whose packs a collection has made anew, and
// mostly one that was replaced by the next version. Whatever is in it harms nobody.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <vector>

#include "base/bytes.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/types.hpp"
#include "store/image.hpp"

namespace orrery::store::remote {

inline constexpr std::uint64_t kMostImageFile = 256_MiB;
// What a start reads first is what is worth it: 2 GiB in groups of 256 KiB.
inline constexpr std::size_t kMostRecorded = 8192;
inline constexpr std::chrono::seconds kRecordedTime{180};

std::vector<std::byte> encode_order(const std::vector<std::uint64_t>& offsets);
// What is no record is an empty one.
std::vector<std::uint64_t> parse_order(ByteSpan bytes);

// Any thread.
class AccessRecord {
 public:
  // FILE: what an earlier start recorded, which is read now; may be not open.
  explicit AccessRecord(FileDescriptor file);

  const std::vector<std::uint64_t>& earlier() const { return earlier_; }

  // A group was wanted, at OFFSET of the disk.
  void note(const Image::GroupPlace& group, std::uint64_t offset);
  // Writes it, unless it is much shorter than the earlier one, as of a start that was broken off.
  void save();

 private:
  const FileDescriptor file_;
  std::vector<std::uint64_t> earlier_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::mutex mutex_;  // guards all below
  std::set<Image::GroupPlace> seen_;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace orrery::store::remote
