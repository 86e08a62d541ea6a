// Durability: the order in which an image's tables are written.
//
// One round at a time. A round takes the changed tables as they are when it begins and writes
//   1. counts; a sync, which makes durable also the data of clusters that tables will name
//   2. the refcount table, where it changed; a sync
//   3. L2 and L1 tables; a sync
// and then frees what nothing durable names any more. An L1 entry may reach the file before the
// changes of its L2 table: that table was written whole, empty or as the copy it is, before 1.
#include <algorithm>
#include <array>
#include <iterator>

#include "base/log.hpp"
#include "storage/qcow2/image/image.hpp"

namespace orrery::storage::qcow2 {

struct Image::L1Snapshot {
  std::vector<std::vector<std::byte>> contents;
  std::vector<ImageFile::Write> writes;
  std::set<std::uint64_t> entries;
};

// A round that begins from now on makes durable all that was written before; those that ask
// while one is under way share the next.
Task<Result<>> Image::flush() {
  if (access_ != Access::kWrite) co_return Result<>{};
  const std::uint64_t needed = begun_ + 1;
  while (ended_ < needed) {
    if (!broken_) co_return broken_;
    if (in_round_) {
      co_await round_ended_;
      continue;
    }
    in_round_ = true;
    ++begun_;
    refcounts_.begin_epoch(begun_);
    round_result_ = co_await run_round();
    ended_ = begun_;
    in_round_ = false;
    const Result<> result = round_result_;
    round_ended_.notify_all();
    co_return result;
  }
  co_return round_result_;
}

Image::L1Snapshot Image::take_dirty_l1() {
  constexpr std::size_t kPerSector = 64;
  L1Snapshot snapshot;
  snapshot.entries.swap(dirty_l1_);
  std::set<std::uint64_t> sectors;
  for (const std::uint64_t entry : snapshot.entries) sectors.insert(entry / kPerSector);
  snapshot.contents.reserve(sectors.size());
  for (const std::uint64_t sector : sectors) {
    const std::size_t first = sector * kPerSector;
    const std::size_t count = std::min(kPerSector, l1_.size() - first);
    std::vector<std::byte>& bytes = snapshot.contents.emplace_back(count * 8);
    for (std::size_t i = 0; i < count; ++i) store_be(&bytes[i * 8], l1_[first + i]);
    snapshot.writes.push_back({header_.l1_offset + first * 8, vectors_of(bytes)});
  }
  return snapshot;
}

Task<Result<>> Image::run_round() {
  Result<> done = co_await write_tables();
  if (done && refcounts_.has_retired()) done = co_await release_retired();
  co_return done;
}

Task<Result<>> Image::write_tables() {
  PageCache::Snapshot counts = cache_.take_dirty(PageKind::kRefcounts);
  Refcounts::TableSnapshot table = refcounts_.take_dirty_table();
  PageCache::Snapshot mappings = cache_.take_dirty(PageKind::kMapping);
  L1Snapshot l1 = take_dirty_l1();

  Result<> synced;
  Result<> done = co_await file_->write_all(std::move(counts.writes));
  cache_.written(counts, done);
  if (done) done = synced = co_await file_->sync();
  if (done && !table.writes.empty()) {
    done = co_await file_->write_all(std::move(table.writes));
    if (done) done = synced = co_await file_->sync();
  }
  if (!done) refcounts_.table_failed(table);
  if (done && (!mappings.writes.empty() || !l1.writes.empty())) {
    std::vector<ImageFile::Write> writes = std::move(mappings.writes);
    std::move(l1.writes.begin(), l1.writes.end(), std::back_inserter(writes));
    done = co_await file_->write_all(std::move(writes));
    if (done) done = synced = co_await file_->sync();
  }
  cache_.written(mappings, done);
  if (!done) dirty_l1_.insert(l1.entries.begin(), l1.entries.end());
  if (!synced) {
    // The host may have thrown away what it could not write, and says so only once.
    broken_ =
        fail(synced.error().context("cannot be made durable, and so is not written any more"));
    log::error("{}", broken_.error().message());
  }
  co_return done;
}

// Their counts go to the file without a sync: nothing durable names them, whenever it happens.
Task<Result<>> Image::release_retired() {
  const std::uint64_t oldest = in_flight_.empty() ? begun_ : in_flight_.begin()->first;
  Result<> done = co_await refcounts_.release_retired(begun_, oldest);
  if (!done) co_return done;
  PageCache::Snapshot counts = cache_.take_dirty(PageKind::kRefcounts);
  done = co_await file_->write_all(std::move(counts.writes));
  cache_.written(counts, done);
  co_return done;
}

}  // namespace orrery::storage::qcow2
