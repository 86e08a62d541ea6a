#include "storage/luks/sector_cipher.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace orrery::storage::luks {
namespace {

constexpr std::size_t kLargestUnit = 4096;
constexpr std::uint64_t kCounted = 512;  // bytes: a unit's number counts these (dm-crypt, plain64)

}  // namespace

// A lane that nobody else uses meanwhile.
class SectorCipher::Hold {
 public:
  explicit Hold(std::vector<std::unique_ptr<Lane>>& lanes) {
    for (const auto& each : lanes) {
      std::unique_lock<std::mutex> lock(each->mutex, std::try_to_lock);
      if (!lock) continue;
      lock_ = std::move(lock);
      lane_ = each.get();
      return;
    }
    lane_ = lanes.front().get();
    lock_ = std::unique_lock(lane_->mutex);
  }
  Lane& operator*() { return *lane_; }

 private:
  Lane* lane_ = nullptr;
  std::unique_lock<std::mutex> lock_;
};

Result<std::unique_ptr<SectorCipher>> SectorCipher::create(ByteSpan key, const Segment& segment,
                                                           unsigned parallel) {
  std::unique_ptr<SectorCipher> made(new SectorCipher(segment));
  for (unsigned i = 0; i < std::max(parallel, 1u); ++i) {
    ORRERY_TRY(AesXts decrypt, AesXts::create(key, AesXts::Direction::kDecrypt));
    ORRERY_TRY(AesXts encrypt, AesXts::create(key, AesXts::Direction::kEncrypt));
    made->lanes_.push_back(
        std::unique_ptr<Lane>(new Lane{std::move(decrypt), std::move(encrypt), {}}));
  }
  return made;
}

void SectorCipher::transform(AesXts& cipher, std::uint64_t offset, const std::byte* from,
                             std::byte* to, std::size_t size) const {
  const std::uint64_t mask = sector_size_ - 1;
  while (size != 0) {
    const std::uint64_t within = offset & mask;
    const std::size_t part = std::min<std::size_t>(size, sector_size_ - within);
    const std::uint64_t unit = first_unit_ + (offset - within) / kCounted;
    if (part == sector_size_) {
      cipher.transform(unit, from, to, part);
    } else {
      // A part of a unit, in its place; what is around it does not change it.
      std::array<std::byte, kLargestUnit> whole{};
      std::copy_n(from, part, &whole[within]);
      cipher.transform(unit, whole.data(), whole.data(), within + part);
      std::copy_n(&whole[within], part, to);
      wipe(whole);
    }
    offset += part;
    from += part;
    to += part;
    size -= part;
  }
}

// Whether each buffer can be worked on alone.
bool SectorCipher::has_whole_units(std::uint64_t offset, const Buffers& buffers) const {
  if (buffers.size() <= 1) return true;
  return offset % sector_size_ == 0 && std::ranges::all_of(buffers, [&](MutableByteSpan buffer) {
           return buffer.size() % sector_size_ == 0;
         });
}

void SectorCipher::encrypt(std::uint64_t offset, const Buffers& from, MutableByteSpan out) {
  Hold lane(lanes_);
  if (!has_whole_units(offset, from)) {
    std::byte* end = out.data();
    for (const MutableByteSpan buffer : from) end = std::copy(buffer.begin(), buffer.end(), end);
    return transform((*lane).encrypt, offset, out.data(), out.data(), out.size());
  }
  std::byte* to = out.data();
  for (const MutableByteSpan buffer : from) {
    transform((*lane).encrypt, offset, buffer.data(), to, buffer.size());
    offset += buffer.size();
    to += buffer.size();
  }
}

void SectorCipher::decrypt(std::uint64_t offset, const Buffers& buffers) {
  Hold lane(lanes_);
  if (has_whole_units(offset, buffers)) {
    for (const MutableByteSpan buffer : buffers) {
      transform((*lane).decrypt, offset, buffer.data(), buffer.data(), buffer.size());
      offset += buffer.size();
    }
    return;
  }
  std::uint64_t left = 0;
  for (const MutableByteSpan buffer : buffers) left += buffer.size();
  BufferCursor from(buffers);
  BufferCursor to(buffers);
  std::array<std::byte, kLargestUnit> gathered;
  for (std::uint64_t part = 0; left != 0; left -= part, offset += part) {
    part = std::min<std::uint64_t>(left, sector_size_ - offset % sector_size_);
    std::byte* end = gathered.data();
    for (const MutableByteSpan span : from.take_spans(part)) {
      end = std::copy(span.begin(), span.end(), end);
    }
    transform((*lane).decrypt, offset, gathered.data(), gathered.data(), part);
    to.copy_in(ByteSpan(gathered).first(part));
  }
  wipe(gathered);
}

}  // namespace orrery::storage::luks
