// Write-zeroes and discard: whole clusters by their L2 entries, the rest by writing.
#include <algorithm>

#include "base/bits.hpp"
#include "storage/qcow2/image/in_flight.hpp"

namespace orrery::storage::qcow2 {

Task<Result<>> Image::write_zeroes(std::uint64_t offset, std::uint64_t length, Unmap unmap) {
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t end = offset + length;
  // The disk's end may lie within a cluster, of which the rest is nobody's.
  const std::uint64_t whole_end = end == size_ ? align_up(end, cluster) : align_down(end, cluster);
  const std::uint64_t whole = align_up(offset, cluster);
  if (whole >= whole_end) co_return co_await zero_part(offset, length);
  Result<> done = co_await zero_part(offset, whole - offset);
  if (done) done = co_await zero_clusters(whole / cluster, (whole_end - whole) / cluster, unmap);
  if (done && whole_end < end) done = co_await zero_part(whole_end, end - whole_end);
  co_return done;
}

Task<Result<>> Image::discard(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t end = offset + length;
  const std::uint64_t whole_end = end == size_ ? align_up(end, cluster) : align_down(end, cluster);
  const std::uint64_t whole = align_up(offset, cluster);
  if (whole >= whole_end) co_return Result<>{};
  // Version 2 has no entry for zeroes, and a hole would show the backing file.
  if (header_.version < 3 && below_ != nullptr) co_return Result<>{};
  co_return co_await zero_clusters(whole / cluster, (whole_end - whole) / cluster, Unmap::kMay);
}

// Less than a cluster, or what has to be written: unless it reads as zeroes already.
Task<Result<>> Image::zero_part(std::uint64_t offset, std::uint64_t length) {
  while (length != 0) {
    const Result<Mapping> mapping = co_await map(offset, length);
    if (!mapping) co_return fail(mapping.error());
    std::uint64_t part = mapping->length;
    const bool zero = mapping->kind == Mapping::Kind::kZero ||
                      (mapping->kind == Mapping::Kind::kUnallocated && below_ == nullptr);
    if (!zero) {
      part = std::min<std::uint64_t>(part, zero_bytes().size());
      const std::vector<MutableByteSpan> buffers{zero_bytes().first(part)};
      BufferCursor cursor(buffers);
      const Result<> written = co_await write(offset, part, cursor);
      if (!written) co_return written;
    }
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

Task<Result<>> Image::zero_clusters(std::uint64_t first, std::uint64_t count, Unmap unmap) {
  const Result<> writable = co_await check_writable();
  if (!writable) co_return writable;
  if (header_.version < 3 && below_ != nullptr) {
    const std::uint64_t offset = first << header_.cluster_bits;
    co_return co_await zero_part(offset, std::min(count << header_.cluster_bits, size_ - offset));
  }
  const InFlight in_flight(*this);
  const std::uint64_t per_page = cache_.page_size() / header_.l2_entry_size();
  while (count != 0) {
    const std::uint64_t in_page = std::min(count, per_page - first % per_page);
    if (!lock_clusters(first, in_page)) {
      co_await unlocked_;
      continue;
    }
    const ClusterLock lock(*this, first);
    const Result<std::uint64_t> done = co_await zero_page(first, in_page, unmap);
    if (!done) co_return fail(done.error());
    const std::uint64_t part = std::min(*done, count);
    first += part;
    count -= part;
  }
  co_return Result<>{};
}

// What an entry becomes that reads as zeroes.
std::uint64_t Image::zero_entry(std::uint64_t old, std::uint64_t cluster, Unmap unmap) const {
  const bool has_cluster = (old & kCompressedFlag) == 0 && (old & kOffsetMask) != 0;
  if (unmap == Unmap::kNever && has_cluster && (old & kCopiedFlag) != 0 && header_.version >= 3) {
    return old | kZeroFlag;
  }
  const std::uint64_t end = size_below();
  return (cluster << header_.cluster_bits) < end ? kZeroFlag : 0;
}

// The entries of one page; says how many clusters are done.
Task<Result<std::uint64_t>> Image::zero_page(std::uint64_t first, std::uint64_t count,
                                             Unmap unmap) {
  const std::uint64_t offset = first << header_.cluster_bits;
  const std::uint64_t index = offset / header_.l2_reach();
  if ((l1_[index] & kOffsetMask) == 0) {
    const std::uint64_t end = size_below();
    if (offset >= end) co_return count;
  }
  const Result<> owned = co_await own_l2(index);
  if (!owned) co_return fail(owned.error());
  const Result<std::uint64_t> place = l2_place(offset);
  if (!place) co_return fail(place.error());
  const Result<Page*> page = co_await cache_.get(*place, PageKind::kMapping);
  if (!page) co_return fail(page.error());
  std::byte* at = &(*page)->data[*place - (*page)->offset];
  for (std::uint64_t i = 0; i < count; ++i, at += 8) {
    const auto old = load_be<std::uint64_t>(at);
    const std::uint64_t entry = zero_entry(old, first + i, unmap);
    if (entry == old) continue;
    if ((entry & kOffsetMask) == 0) retire_entry(old);
    store_be(at, entry);
    cache_.mark_dirty(**page);
  }
  co_return count;
}

}  // namespace orrery::storage::qcow2
