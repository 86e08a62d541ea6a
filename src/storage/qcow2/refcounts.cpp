#include "storage/qcow2/refcounts.hpp"

#include <algorithm>
#include <array>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/qcow2/refcount_entry.hpp"

namespace orrery::storage::qcow2 {
namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kBlockMask = ~std::uint64_t{511};  // of a refcount table entry

}  // namespace

Task<Result<>> Refcounts::open() {
  dirty_sectors_.clear();
  metadata_.clear();
  retired_.clear();
  scan_ = 0;
  std::vector<std::byte> bytes(header_.refcount_clusters * header_.cluster_size());
  const Result<> read = co_await file_.read(header_.refcount_offset, vectors_of(bytes));
  if (!read) co_return read;
  table_.resize(bytes.size() / 8);
  add_metadata(0, header_.cluster_size());
  Result<> claimed = claim_metadata("the refcount table", header_.refcount_offset, bytes.size());
  if (claimed) {
    claimed = claim_metadata("the L1 table", header_.l1_offset, header_.l1_entries * 8ull);
  }
  if (!claimed) co_return claimed;
  for (std::size_t i = 0; i < table_.size(); ++i) {
    const std::uint64_t offset = load_be<std::uint64_t>(&bytes[i * 8]) & kBlockMask;
    if (!is_aligned(offset, header_.cluster_size()) || offset >= 1ull << 56) {
      co_return fail(
          format("damaged: refcount block {} at {} is not at a cluster's start; "
                 "`orrery disk check --repair` counts anew",
                 i, offset));
    }
    table_[i] = offset;
    if (offset == 0) continue;
    claimed = claim_metadata("a refcount block", offset, header_.cluster_size());
    if (!claimed) co_return claimed;
  }
  fresh_from_ = align_up(file_.size(), header_.cluster_size());
  co_return Result<>{};
}

void Refcounts::add_metadata(std::uint64_t offset, std::uint64_t length) {
  for (std::uint64_t at = offset; at < offset + length; at += header_.cluster_size()) {
    metadata_.insert(at >> header_.cluster_bits);
  }
}

Result<> Refcounts::claim_metadata(std::string_view what, std::uint64_t offset,
                                   std::uint64_t length) {
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t end = align_up(file_.size(), cluster);
  if (length == 0) return {};
  if (!is_aligned(offset, cluster) || offset >= end || length > end - offset) {
    return fail(format("damaged: {} at {} is not within the file", what, offset));
  }
  for (std::uint64_t at = offset; at < offset + length; at += cluster) {
    if (metadata_.insert(at >> header_.cluster_bits).second) continue;
    return fail(format("damaged: {} at {} lies over another table", what, at));
  }
  return {};
}

void Refcounts::remove_metadata(std::uint64_t offset, std::uint64_t length) {
  for (std::uint64_t at = offset; at < offset + length; at += header_.cluster_size()) {
    metadata_.erase(at >> header_.cluster_bits);
  }
}

Task<Result<Page*>> Refcounts::page_for(std::uint64_t cluster) {
  const std::uint64_t index = cluster % header_.refcounts_per_block();
  const std::uint64_t at = table_[block_of(cluster)] + ((index << header_.refcount_order) >> 3);
  return cache_.get(at, PageKind::kRefcounts);
}

std::uint64_t Refcounts::load(const Page& page, std::uint64_t cluster) const {
  return load_refcount(page.data.data(), cluster % per_page(), header_.refcount_order);
}

void Refcounts::store(Page& page, std::uint64_t cluster, std::uint64_t value) {
  store_refcount(page.data.data(), cluster % per_page(), header_.refcount_order, value);
  cache_.mark_dirty(page);
}

Task<Result<std::uint64_t>> Refcounts::refcount(std::uint64_t offset) {
  const std::uint64_t cluster = offset >> header_.cluster_bits;
  if (!covered(cluster)) co_return std::uint64_t{0};
  const Result<Page*> page = co_await page_for(cluster);
  if (!page) co_return fail(page.error());
  co_return load(**page, cluster);
}

Task<Result<>> Refcounts::set(std::uint64_t offset, std::uint64_t value) {
  const auto lock = co_await mutex_.lock();
  const std::uint64_t cluster = offset >> header_.cluster_bits;
  const unsigned width = 1u << header_.refcount_order;
  if (width < 64 && value >> width != 0) {
    co_return fail(
        format("a cluster of it would have {} users, more than its refcounts of {} bits "
               "can say; delete snapshots",
               value, width));
  }
  while (!covered(cluster)) {
    const Result<> added = co_await add_block(block_of(cluster));
    if (!added) co_return added;
  }
  const Result<Page*> page = co_await page_for(cluster);
  if (!page) co_return fail(page.error());
  store(**page, cluster, value);
  if (value == 0) scan_ = std::min(scan_, cluster);
  co_return Result<>{};
}

Task<Result<Run>> Refcounts::allocate(std::uint64_t wanted) {
  const auto lock = co_await mutex_.lock();
  Result<Run> run = co_await find_free(wanted);
  if (!run) co_return run;
  const Result<> claimed = co_await claim(*run);
  if (!claimed) co_return fail(claimed.error());
  // Only the search for one cluster ends at the first free one.
  scan_ = std::max(scan_, (run->offset >> header_.cluster_bits) + run->count);
  co_return run;
}

Task<Result<Run>> Refcounts::allocate_all(std::uint64_t count) {
  const auto lock = co_await mutex_.lock();
  const std::uint64_t scan = scan_;
  while (true) {
    Result<Run> run = co_await find_free(count);
    if (run && run->count < count) {
      scan_ = (run->offset >> header_.cluster_bits) + run->count;
      continue;
    }
    if (run) {
      const Result<> claimed = co_await claim(*run);
      if (!claimed) run = fail(claimed.error());
    }
    scan_ = scan;
    co_return run;
  }
}

// The first free clusters from scan_ on, as many as follow each other up to WANTED.
Task<Result<Run>> Refcounts::find_free(std::uint64_t wanted) {
  Run run;
  for (std::uint64_t cluster = scan_; run.count < wanted;) {
    if (cluster >> (56 - header_.cluster_bits) != 0) co_return fail("the file is full");
    if (!covered(cluster)) {
      const Result<> added = co_await add_block(block_of(cluster));
      if (!added) co_return fail(added.error());
      continue;
    }
    const Result<Page*> page = co_await page_for(cluster);
    if (!page) co_return fail(page.error());
    const std::uint64_t end = align_down(cluster, per_page()) + per_page();
    for (; cluster < end && run.count < wanted; ++cluster) {
      if (load(**page, cluster) != 0) {
        if (run.count != 0) co_return run;
        continue;
      }
      if (metadata_.contains(cluster)) {
        co_return fail(
            format("damaged: the cluster at {} holds tables and counts as free; run "
                   "`orrery disk check --repair`",
                   cluster << header_.cluster_bits));
      }
      if (run.count++ == 0) run.offset = cluster << header_.cluster_bits;
    }
    if (run.count == 0) scan_ = cluster;
  }
  co_return run;
}

Task<Result<>> Refcounts::claim(Run& run) {
  const std::uint64_t first = run.offset >> header_.cluster_bits;
  for (std::uint64_t cluster = first; cluster < first + run.count; ++cluster) {
    const Result<Page*> page = co_await page_for(cluster);
    if (!page) co_return fail(page.error());
    store(**page, cluster, 1);
  }
  const std::uint64_t end = run.offset + (run.count << header_.cluster_bits);
  run.fresh = run.offset >= fresh_from_;
  fresh_from_ = std::max(fresh_from_, end);
  co_return Result<>{};
}

// A block of counts for clusters that have none yet. It lies in the first of them.
Task<Result<>> Refcounts::add_block(std::uint64_t block) {
  if (block >= table_.size()) co_return co_await grow_table(block);
  const std::uint64_t cluster = block * header_.refcounts_per_block();
  const std::uint64_t offset = cluster << header_.cluster_bits;
  if (metadata_.contains(cluster)) {
    co_return fail(
        format("damaged: the cluster at {} holds tables and has no refcount; run "
               "`orrery disk check --repair`",
               offset));
  }
  const Result<> written = co_await file_.write_zeroes(offset, header_.cluster_size());
  if (!written) co_return written;
  cache_.drop(offset, header_.cluster_size());
  store(cache_.create(offset, PageKind::kRefcounts), cluster, 1);
  table_[block] = offset;
  dirty_sectors_.insert(block * 8 / kSector);
  add_metadata(offset, header_.cluster_size());
  fresh_from_ = std::max(fresh_from_, offset + header_.cluster_size());
  co_return Result<>{};
}

// A larger table, behind everything that counts: first the new blocks that count themselves and
// the table, then the table, and when all that is durable the header, in one write.
Task<Result<>> Refcounts::grow_table(std::uint64_t block) {
  const std::uint64_t cluster_size = header_.cluster_size();
  const std::uint64_t per_block = header_.refcounts_per_block();
  const std::uint64_t entries = std::max<std::uint64_t>(table_.size() * 2, block + 64);
  const std::uint64_t table_clusters = align_up(entries * 8, cluster_size) / cluster_size;
  std::uint64_t blocks = 1;
  while (blocks * per_block < blocks + table_clusters) ++blocks;
  if (table_clusters * cluster_size > kLargestRefcountTable) {
    co_return fail(
        "the file is full: its refcount table can not grow; convert it to a qcow2 with "
        "larger clusters");
  }
  const std::uint64_t first = block * per_block;
  const std::uint64_t start = first << header_.cluster_bits;
  const std::uint64_t table_at = start + blocks * cluster_size;

  std::vector<std::uint64_t> table = table_;
  table.resize(table_clusters * cluster_size / 8);
  std::vector<std::byte> bytes((blocks + table_clusters) * cluster_size);
  for (std::uint64_t i = 0; i < blocks; ++i) table[block + i] = start + i * cluster_size;
  for (std::uint64_t i = 0; i < blocks + table_clusters; ++i) {
    store_refcount(bytes.data(), i, header_.refcount_order, 1);
  }
  for (std::size_t i = 0; i < table.size(); ++i) {
    store_be(&bytes[blocks * cluster_size + i * 8], table[i]);
  }
  Result<> done = co_await file_.write(start, vectors_of(bytes));
  if (done) done = co_await file_.sync();
  if (!done) co_return done;
  std::array<std::byte, 12> fields{};
  store_be(fields.data(), table_at);
  store_be(fields.data() + 8, static_cast<std::uint32_t>(table_clusters));
  done = co_await file_.write(field::kRefcountOffset, vectors_of(fields));
  if (done) done = co_await file_.sync();
  if (!done) co_return done;

  const std::uint64_t old_length = table_.size() * 8;
  remove_metadata(header_.refcount_offset, old_length);
  retire(header_.refcount_offset, old_length);
  cache_.drop(start, bytes.size());
  add_metadata(start, bytes.size());
  header_.refcount_offset = table_at;
  header_.refcount_clusters = static_cast<std::uint32_t>(table_clusters);
  table_ = std::move(table);
  // The new table has all entries, those too that were still to be written to the old one.
  dirty_sectors_.clear();
  fresh_from_ = std::max(fresh_from_, start + bytes.size());
  co_return Result<>{};
}

Refcounts::TableSnapshot Refcounts::take_dirty_table() {
  TableSnapshot snapshot;
  snapshot.sectors.swap(dirty_sectors_);
  snapshot.contents.reserve(snapshot.sectors.size());
  for (const std::uint64_t sector : snapshot.sectors) {
    std::vector<std::byte>& bytes = snapshot.contents.emplace_back(kSector);
    for (std::size_t i = 0; i < kSector / 8; ++i) {
      store_be(&bytes[i * 8], table_[sector * (kSector / 8) + i]);
    }
    snapshot.writes.push_back({header_.refcount_offset + sector * kSector, vectors_of(bytes)});
  }
  return snapshot;
}

void Refcounts::table_failed(const TableSnapshot& snapshot) {
  dirty_sectors_.insert(snapshot.sectors.begin(), snapshot.sectors.end());
}

void Refcounts::retire(std::uint64_t offset, std::uint64_t length) {
  retired_.push_back({offset, length, epoch_});
}

Task<Result<>> Refcounts::release_retired(std::uint64_t ended, std::uint64_t oldest) {
  const auto lock = co_await mutex_.lock();
  while (!retired_.empty() && retired_.front().epoch < std::min(ended, oldest)) {
    const Retired retired = retired_.front();
    retired_.pop_front();
    const Result<> released = co_await release(retired);
    if (!released) co_return released;
  }
  co_return Result<>{};
}

Task<Result<>> Refcounts::release(const Retired& retired) {
  const std::uint64_t first = retired.offset >> header_.cluster_bits;
  const std::uint64_t last = (retired.offset + retired.length - 1) >> header_.cluster_bits;
  for (std::uint64_t cluster = first; cluster <= last; ++cluster) {
    if (!covered(cluster)) continue;
    Result<Page*> page = co_await page_for(cluster);
    if (!page) co_return fail(page.error());
    const std::uint64_t count = load(**page, cluster);
    if (count == 0) continue;  // it was wrong before; a check says so
    if (count > 1) {
      store(**page, cluster, count - 1);
      continue;
    }
    // Punched before it counts as free, so that nobody's data is. A host that cannot keeps it.
    const std::uint64_t offset = cluster << header_.cluster_bits;
    const Result<bool> punched = co_await file_.punch(offset, header_.cluster_size());
    if (!punched) co_return fail(punched.error());
    cache_.drop(offset, header_.cluster_size());
    page = co_await page_for(cluster);
    if (!page) co_return fail(page.error());
    store(**page, cluster, 0);
    scan_ = std::min(scan_, cluster);
  }
  co_return Result<>{};
}

}  // namespace orrery::storage::qcow2
