// Writing of an image's disk: in place where a cluster is this disk's alone, otherwise to a new
// cluster that the tables name once its data is written.
#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/qcow2/image/in_flight.hpp"

namespace orrery::storage::qcow2 {

// Draws a new identity before the first change, and waits where many tables are still to be
// written, so that they stay bounded.
Task<Result<>> Image::check_writable() {
  if (!broken_) co_return broken_;
  if (access_ != Access::kWrite) co_return fail(path() + ": read-only");
  if (!identity_is_new_) {
    const Result<> renewed = co_await renew_identity();
    if (!renewed) co_return renewed;
  }
  if (cache_.dirty_count() < most_pages_ / 2) co_return Result<>{};
  co_return co_await flush();
}

Task<Result<>> Image::write(std::uint64_t offset, std::uint64_t length, BufferCursor& from) {
  const Result<> writable = co_await check_writable();
  if (!writable) co_return writable;
  const InFlight in_flight(*this);
  while (length != 0) {
    Result<Mapping> mapping = co_await map(offset, length);
    if (!mapping) co_return fail(mapping.error());
    std::uint64_t part = mapping->length;
    if (mapping->kind == Mapping::Kind::kData && mapping->writable()) {
      const Result<> done = co_await write_in_place(*mapping, from);
      if (!done) co_return done;
    } else {
      const std::uint64_t first = offset >> header_.cluster_bits;
      const std::uint64_t last = (offset + part - 1) >> header_.cluster_bits;
      if (!lock_clusters(first, last - first + 1)) {
        co_await unlocked_;
        continue;  // what it waited for has changed the mapping
      }
      const ClusterLock lock(*this, first);
      const Result<std::uint64_t> done = co_await write_new(offset, *mapping, from);
      if (!done) co_return fail(done.error());
      part = *done;
    }
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

bool Image::lock_clusters(std::uint64_t first, std::uint64_t count) {
  for (const Interval& each : locked_) {
    if (first < each.first + each.count && each.first < first + count) return false;
  }
  locked_.push_back({first, count});
  return true;
}

void Image::unlock_clusters(std::uint64_t first) {
  std::erase_if(locked_, [&](const Interval& each) { return each.first == first; });
  unlocked_.notify_all();
}

Task<Result<>> Image::write_in_place(const Mapping& mapping, BufferCursor& from) {
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t first = align_down(mapping.host, cluster);
  for (std::uint64_t at = first; at < mapping.host + mapping.length; at += cluster) {
    if (at < file_->size() && !refcounts_.is_metadata(at)) continue;
    co_return co_await mark_corrupt(damaged(
        format("the disk's data at {} lies {}", at,
               at < file_->size() ? "where the image's own tables are" : "behind the file's end")));
  }
  co_return co_await file_->write(mapping.host, from.take(mapping.length));
}

// The locked clusters from OFFSET on, or the first of them; says how many bytes were written.
Task<Result<std::uint64_t>> Image::write_new(std::uint64_t offset, Mapping mapping,
                                             BufferCursor& from) {
  const std::uint64_t cluster = header_.cluster_size();
  const Result<> owned = co_await own_l2(offset / header_.l2_reach());
  if (!owned) co_return fail(owned.error());
  const std::uint64_t first = offset / cluster;
  const std::uint64_t head = offset % cluster;
  // Without a table yet the mapping may be longer than one page of entries.
  const std::uint64_t per_page = cache_.page_size() / header_.l2_entry_size();
  const std::uint64_t page_end = (align_down(first, per_page) + per_page) * cluster;
  mapping.length = std::min(mapping.length, page_end - offset);

  const Result<Run> run =
      co_await refcounts_.allocate((head + mapping.length + cluster - 1) / cluster);
  if (!run) co_return fail(run.error().context(path()));
  const std::uint64_t length = std::min(mapping.length, run->count * cluster - head);
  const std::uint64_t tail = (cluster - (head + length) % cluster) % cluster;

  const bool zeroes =
      mapping.kind == Mapping::Kind::kZero ||
      (mapping.kind == Mapping::Kind::kUnallocated && first * cluster >= size_below());
  // Behind the end of what the file ever had there are zeroes already.
  const bool skip = zeroes && run->fresh;
  std::vector<std::byte> before(skip ? 0 : head);
  std::vector<std::byte> after(skip ? 0 : tail);
  Result<> done = co_await copy_on_write(offset - head, before, zeroes);
  if (done) done = co_await copy_on_write(offset + length, after, zeroes);
  if (done) {
    Vectors vectors;
    if (!before.empty()) vectors.push_back({before.data(), before.size()});
    for (const iovec& part : from.take(length)) vectors.push_back(part);
    if (!after.empty()) vectors.push_back({after.data(), after.size()});
    done = co_await file_->write(run->offset + head - before.size(), std::move(vectors));
  }
  if (done) done = co_await link(first, run->offset, run->count);
  if (!done) {
    refcounts_.retire(run->offset, run->count * cluster);
    co_return fail(done.error());
  }
  co_return length;
}

Task<Result<>> Image::copy_on_write(std::uint64_t offset, MutableByteSpan to, bool zeroes) {
  if (zeroes || to.empty() || offset >= size_) co_return Result<>{};
  // The disk's last cluster may reach behind its end.
  const std::uint64_t there = std::min<std::uint64_t>(to.size(), size_ - offset);
  co_return co_await read_range(offset, to.first(there));
}

// The clusters' data is written: now the table may name it.
Task<Result<>> Image::link(std::uint64_t cluster, std::uint64_t host, std::uint64_t count) {
  const Result<std::uint64_t> place = l2_place(cluster << header_.cluster_bits);
  if (!place) co_return fail(place.error());
  const Result<Page*> page = co_await cache_.get(*place, PageKind::kMapping);
  if (!page) co_return fail(page.error());
  std::byte* at = &(*page)->data[*place - (*page)->offset];
  for (std::uint64_t i = 0; i < count; ++i, at += 8) {
    retire_entry(load_be<std::uint64_t>(at));
    store_be(at, (host + (i << header_.cluster_bits)) | kCopiedFlag);
  }
  cache_.mark_dirty(**page);
  co_return Result<>{};
}

void Image::retire_entry(std::uint64_t entry) {
  if ((entry & kCompressedFlag) != 0) {
    const Mapping mapping = compressed_mapping(entry, header_.cluster_bits);
    const std::uint64_t first = align_down(mapping.host, header_.cluster_size());
    refcounts_.retire(first, mapping.host + mapping.host_length - first);
  } else if ((entry & kOffsetMask) != 0) {
    refcounts_.retire(entry & kOffsetMask, header_.cluster_size());
  }
}

// An L2 table that may be changed: made where there is none, copied where a snapshot shares it.
Task<Result<>> Image::own_l2(std::uint64_t index) {
  if ((l1_[index] & kCopiedFlag) != 0) co_return Result<>{};
  const auto lock = co_await l2_mutex_.lock();
  if ((l1_[index] & kCopiedFlag) != 0) co_return Result<>{};
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t old = l1_[index] & kOffsetMask;
  const Result<Run> run = co_await refcounts_.allocate_all(1);
  if (!run) co_return fail(run.error().context(path()));
  Result<> done;
  if (old == 0) {
    done = co_await file_->write_zeroes(run->offset, cluster);
  } else {
    std::vector<std::byte> table(cluster);
    done = co_await file_->read(old, vectors_of(table));
    // What the snapshot shares is not this disk's alone.
    for (std::size_t at = 0; at < table.size(); at += 8) {
      table[at] &= ~std::byte{0x80};
    }
    if (done) done = co_await file_->write(run->offset, vectors_of(table));
    if (done) refcounts_.retire(old, cluster);
  }
  if (!done) {
    refcounts_.retire(run->offset, cluster);
    co_return done;
  }
  cache_.drop(run->offset, cluster);
  refcounts_.add_metadata(run->offset, cluster);
  l1_[index] = run->offset | kCopiedFlag;
  dirty_l1_.insert(index);
  co_return Result<>{};
}

}  // namespace orrery::storage::qcow2
