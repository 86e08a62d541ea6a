#include "storage/qcow2/check.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/qcow2/refcount_entry.hpp"
#include "storage/qcow2/snapshots.hpp"

namespace orrery::storage::qcow2 {
namespace {

constexpr std::uint32_t kExtensionBitmaps = 0x23852875;

// How often each cluster is named. Sparse, as files are.
class References {
 public:
  static constexpr std::uint64_t kChunk = 4096;

  void add(std::uint64_t cluster, std::uint64_t count) {
    std::vector<std::uint64_t>& chunk = chunks_[cluster / kChunk];
    if (chunk.empty()) chunk.resize(kChunk);
    chunk[cluster % kChunk] += count;
    end_ = std::max(end_, cluster + 1);
  }
  std::uint64_t of(std::uint64_t cluster) const {
    const auto found = chunks_.find(cluster / kChunk);
    return found == chunks_.end() ? 0 : found->second[cluster % kChunk];
  }
  std::uint64_t end() const { return end_; }
  const std::map<std::uint64_t, std::vector<std::uint64_t>>& chunks() const { return chunks_; }

 private:
  std::map<std::uint64_t, std::vector<std::uint64_t>> chunks_;
  std::uint64_t end_ = 0;
};

class Walk {
 public:
  enum class Refcounts : std::uint8_t { kCounted, kLeftOut };

  explicit Walk(Image& image) : image_(image), header_(image.header()) {}

  Task<Result<>> walk(Refcounts refcounts);
  Task<Result<>> compare();
  Task<Result<>> mend_flags(const References& counts);

  CheckReport report;
  References references;

 private:
  void error(std::string text) {
    ++report.errors;
    say(std::move(text));
  }
  void say(std::string text) {
    if (report.messages.size() < CheckReport::kMostMessages) {
      report.messages.push_back(std::move(text));
    }
  }
  bool add(const char* what, std::uint64_t offset, std::uint64_t length, std::uint64_t times);
  Task<Result<>> add_refcounts();
  Task<Result<>> add_l1(std::uint64_t offset, std::uint32_t entries, bool active);
  Task<Result<>> add_l2(std::uint64_t offset, std::uint64_t times);
  void add_entry(std::uint64_t entry, std::uint64_t times);
  Task<Result<>> check_copied(std::uint64_t entry, std::string what);
  Task<Result<>> compare_block(std::uint64_t block);

  Image& image_;
  const Header& header_;
  std::map<std::uint64_t, std::uint64_t> l2_tables_;  // how often each is named
  std::map<std::uint64_t, bool> blocks_;              // refcount blocks by number
};

bool Walk::add(const char* what, std::uint64_t offset, std::uint64_t length, std::uint64_t times) {
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t end = align_up(image_.file().size(), cluster);
  if (offset >= end || length > end - offset) {
    error(format("{} at {} lies behind the file's end", what, offset));
    return false;
  }
  for (std::uint64_t at = align_down(offset, cluster); at < offset + length; at += cluster) {
    references.add(at / cluster, times);
  }
  return true;
}

Task<Result<>> Walk::walk(Refcounts refcounts) {
  add("the header", 0, header_.cluster_size(), 1);
  add("the snapshot table", header_.snapshots_offset, snapshot_table_length(image_.snapshots()), 1);
  Result<> done;
  if (refcounts == Refcounts::kCounted) done = co_await add_refcounts();
  if (done) done = co_await add_l1(header_.l1_offset, header_.l1_entries, true);
  for (const Snapshot& each : image_.snapshots()) {
    if (done) done = co_await add_l1(each.l1_offset, each.l1_entries, false);
  }
  // Each table once, however often a damaged image names it.
  for (const auto& [offset, times] : l2_tables_) {
    if (done) done = co_await add_l2(offset, times);
  }
  co_return done;
}

Task<Result<>> Walk::add_refcounts() {
  const std::uint64_t cluster = header_.cluster_size();
  std::vector<std::byte> table(header_.refcount_clusters * cluster);
  const Result<> read = co_await image_.file().read(header_.refcount_offset, vectors_of(table));
  if (!read) co_return read;
  add("the refcount table", header_.refcount_offset, table.size(), 1);
  for (std::size_t i = 0; i < table.size() / 8; ++i) {
    const std::uint64_t block = load_be<std::uint64_t>(&table[i * 8]) & ~std::uint64_t{511};
    if (block == 0) continue;
    if (!is_aligned(block, cluster)) {
      error(format("refcount block {} at {} is not at a cluster's start", i, block));
      continue;
    }
    if (!add("a refcount block", block, cluster, 1)) continue;
    if (references.of(block / cluster) > 1) {
      error(format("refcount block {} at {} is named twice", i, block));
    } else {
      blocks_.emplace(i, true);
    }
  }
  co_return Result<>{};
}

Task<Result<>> Walk::add_l1(std::uint64_t offset, std::uint32_t entries, bool active) {
  if (entries == 0) co_return Result<>{};
  std::vector<std::byte> table(entries * 8ull);
  const Result<> read = co_await image_.file().read(offset, vectors_of(table));
  if (!read) co_return read;
  add("an L1 table", offset, table.size(), 1);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::uint64_t l2 = load_be<std::uint64_t>(&table[i * 8]) & kOffsetMask;
    if (l2 == 0) continue;
    if (!is_aligned(l2, header_.cluster_size())) {
      error(format("L2 table {} at {} is not at a cluster's start", i, l2));
      continue;
    }
    if (!add("an L2 table", l2, header_.cluster_size(), 1)) continue;
    const std::uint64_t times = ++l2_tables_[l2];
    if (active && times > 1) error(format("the L2 table at {} is named twice", l2));
  }
  co_return Result<>{};
}

Task<Result<>> Walk::add_l2(std::uint64_t offset, std::uint64_t times) {
  std::vector<std::byte> table(header_.cluster_size());
  const Result<> read = co_await image_.file().read(offset, vectors_of(table));
  if (!read) co_return read;
  for (std::size_t at = 0; at < table.size(); at += header_.l2_entry_size()) {
    add_entry(load_be<std::uint64_t>(&table[at]), times);
  }
  co_return Result<>{};
}

void Walk::add_entry(std::uint64_t entry, std::uint64_t times) {
  if ((entry & kCompressedFlag) != 0) {
    ++report.compressed_clusters;
    const Mapping mapping = compressed_mapping(entry, header_.cluster_bits);
    // The last sector may be counted though the file ends within it.
    const std::uint64_t end = align_up(image_.file().size(), header_.cluster_size());
    const std::uint64_t most = mapping.host < end ? end - mapping.host : mapping.host_length;
    add("compressed data", mapping.host, std::min(mapping.host_length, most), times);
    return;
  }
  if (header_.version >= 3 && (entry & kZeroFlag) != 0) ++report.zero_clusters;
  const std::uint64_t host = entry & kOffsetMask;
  if (host == 0) return;
  if (!is_aligned(host, header_.cluster_size())) {
    return error(format("data at {} is not at a cluster's start", host));
  }
  if ((entry & kZeroFlag) == 0) ++report.data_clusters;
  add("data", host, header_.cluster_size(), times);
}

Task<Result<>> Walk::compare() {
  for (const auto& [block, known] : blocks_) {
    const Result<> done = co_await compare_block(block);
    if (!done) co_return done;
  }
  // What is in use where no block counts.
  const std::uint64_t per_block = header_.refcounts_per_block();
  for (const auto& [number, chunk] : references.chunks()) {
    for (std::uint64_t i = 0; i < chunk.size(); ++i) {
      const std::uint64_t cluster = number * References::kChunk + i;
      if (chunk[i] == 0 || blocks_.contains(cluster / per_block)) continue;
      error(format("the cluster at {} is used {} times and has no refcount",
                   cluster << header_.cluster_bits, chunk[i]));
    }
  }
  for (const std::uint64_t entry : image_.l1()) {
    const std::uint64_t l2 = entry & kOffsetMask;
    if (l2 == 0 || !l2_tables_.contains(l2)) continue;
    Result<> done = co_await check_copied(entry, "the L2 table");
    std::vector<std::byte> table(header_.cluster_size());
    if (done) done = co_await image_.file().read(l2, vectors_of(table));
    for (std::size_t at = 0; done && at < table.size(); at += header_.l2_entry_size()) {
      const auto data = load_be<std::uint64_t>(&table[at]);
      if ((data & kCompressedFlag) == 0) done = co_await check_copied(data, "the data");
    }
    if (!done) co_return done;
  }
  co_return Result<>{};
}

Task<Result<>> Walk::compare_block(std::uint64_t block) {
  const std::uint64_t per_block = header_.refcounts_per_block();
  for (std::uint64_t cluster = block * per_block; cluster < (block + 1) * per_block; ++cluster) {
    const std::uint64_t offset = cluster << header_.cluster_bits;
    const Result<std::uint64_t> count = co_await image_.refcounts().refcount(offset);
    if (!count) co_return fail(count.error());
    const std::uint64_t used = references.of(cluster);
    if (*count == used) continue;
    if (*count > used) {
      ++report.leaks;
      say(format("the cluster at {} has refcount {} and is used {} times: lost space", offset,
                 *count, used));
    } else {
      error(format("the cluster at {} has refcount {} and is used {} times", offset, *count, used));
    }
  }
  co_return Result<>{};
}

Task<Result<>> Walk::check_copied(std::uint64_t entry, std::string what) {
  const std::uint64_t host = entry & kOffsetMask;
  if (host == 0 || !is_aligned(host, header_.cluster_size())) co_return Result<>{};
  const Result<std::uint64_t> count = co_await image_.refcounts().refcount(host);
  if (!count) co_return fail(count.error());
  if ((*count == 1) != ((entry & kCopiedFlag) != 0)) {
    error(format("{} at {} has refcount {} and {} as this disk's alone", what, host, *count,
                 (entry & kCopiedFlag) != 0 ? "counts" : "does not count"));
  }
  co_return Result<>{};
}

// Flags of the disk's own tables, in place.
Task<Result<>> Walk::mend_flags(const References& counts) {
  const auto mended = [&](std::uint64_t entry) {
    const std::uint64_t host = entry & kOffsetMask;
    if (host == 0 || (entry & kCompressedFlag) != 0) return entry & ~kCopiedFlag;
    return counts.of(host >> header_.cluster_bits) == 1 ? entry | kCopiedFlag
                                                        : entry & ~kCopiedFlag;
  };
  std::vector<std::byte> l1(header_.l1_entries * 8ull);
  Result<> done = co_await image_.file().read(header_.l1_offset, vectors_of(l1));
  for (std::size_t at = 0; done && at < l1.size(); at += 8) {
    const auto entry = load_be<std::uint64_t>(&l1[at]);
    const std::uint64_t l2 = entry & kOffsetMask;
    store_be(&l1[at], mended(entry));
    if (l2 == 0 || !l2_tables_.contains(l2)) continue;
    std::vector<std::byte> table(header_.cluster_size());
    done = co_await image_.file().read(l2, vectors_of(table));
    if (!done) break;
    const std::vector<std::byte> before = table;
    for (std::size_t i = 0; i < table.size(); i += header_.l2_entry_size()) {
      store_be(&table[i], mended(load_be<std::uint64_t>(&table[i])));
    }
    if (table != before) done = co_await image_.file().write(l2, vectors_of(table));
  }
  if (done && !l1.empty()) done = co_await image_.file().write(header_.l1_offset, vectors_of(l1));
  co_return done;
}

// Refcounts in blocks, then the table of them.
struct NewRefcounts {
  std::vector<std::byte> bytes;
  std::uint64_t table_at = 0;
  std::uint32_t table_clusters = 0;
};

Result<NewRefcounts> lay_out(const Header& header, References& references, std::uint64_t start) {
  const std::uint64_t cluster = header.cluster_size();
  const std::uint64_t per_block = header.refcounts_per_block();
  const std::uint64_t first = start / cluster;
  std::uint64_t blocks = 1;
  std::uint64_t table_clusters = 1;
  while (true) {
    const std::uint64_t end = first + blocks + table_clusters;
    const std::uint64_t need_blocks = (end + per_block - 1) / per_block;
    const std::uint64_t need_table = (need_blocks * 8 + cluster - 1) / cluster;
    if (need_blocks <= blocks && need_table <= table_clusters) break;
    blocks = std::max(blocks, need_blocks);
    table_clusters = std::max(table_clusters, need_table);
  }
  // They are made in memory: 1 GiB of them describes 32 TiB of 64 KiB clusters.
  constexpr std::uint64_t kMostBytes = 1_GiB;
  if (table_clusters * cluster > kLargestRefcountTable || blocks * cluster > kMostBytes) {
    return fail("too large to be counted anew");
  }
  for (std::uint64_t i = 0; i < blocks + table_clusters; ++i) references.add(first + i, 1);
  NewRefcounts made;
  made.bytes.resize((blocks + table_clusters) * cluster);
  made.table_at = start + blocks * cluster;
  made.table_clusters = static_cast<std::uint32_t>(table_clusters);
  const unsigned width = 1u << header.refcount_order;
  for (const auto& [number, chunk] : references.chunks()) {
    for (std::uint64_t i = 0; i < chunk.size(); ++i) {
      if (chunk[i] == 0) continue;
      if (width < 64 && chunk[i] >> width != 0) {
        return fail(format("a cluster is used {} times, more than refcounts of {} bits can say",
                           chunk[i], width));
      }
      store_refcount(made.bytes.data(), number * References::kChunk + i, header.refcount_order,
                     chunk[i]);
    }
  }
  for (std::uint64_t i = 0; i < blocks; ++i) {
    store_be(&made.bytes[blocks * cluster + i * 8], start + i * cluster);
  }
  return made;
}

}  // namespace

Task<Result<CheckReport>> check(Image& image) {
  const Result<> flushed = co_await image.flush();
  if (!flushed) co_return fail(flushed.error());
  Walk walk(image);
  Result<> done = co_await walk.walk(Walk::Refcounts::kCounted);
  if (!done) co_return fail(done.error().context(image.path()));
  done = co_await walk.compare();
  if (!done) co_return fail(done.error());
  co_return std::move(walk.report);
}

Task<Result<>> repair(Image& image) {
  Header& header = image.header();
  if (header.extension(kExtensionBitmaps) != nullptr) {
    co_return fail(image.path() +
                   ": has persistent bitmaps, whose clusters Orrery does not know; mend it with "
                   "`qemu-img check -r all`");
  }
  Walk walk(image);
  Result<> done = co_await walk.walk(Walk::Refcounts::kLeftOut);
  if (!done) co_return done;
  if (walk.report.errors != 0) {
    co_return fail(format("{}: damaged beyond counting its clusters anew: {}", image.path(),
                          walk.report.messages.front()));
  }
  const std::uint64_t start = align_up(image.file().size(), header.cluster_size());
  Result<NewRefcounts> made = lay_out(header, walk.references, start);
  if (!made) co_return fail(made.error().context(image.path()));
  done = co_await image.file().write(start, vectors_of(made->bytes));
  if (done) done = co_await image.file().sync();
  std::array<std::byte, 12> fields{};
  store_be(fields.data(), made->table_at);
  store_be(fields.data() + 8, made->table_clusters);
  if (done) done = co_await image.file().write(field::kRefcountOffset, vectors_of(fields));
  if (done) done = co_await image.file().sync();
  if (done) done = co_await walk.mend_flags(walk.references);
  if (done) done = co_await image.file().sync();
  if (!done) co_return done;
  header.refcount_offset = made->table_at;
  header.refcount_clusters = made->table_clusters;
  header.incompatible &= ~(kDirty | kCorrupt);
  if (header.version >= 3) {
    std::array<std::byte, 8> bits{};
    store_be(bits.data(), header.incompatible);
    done = co_await image.file().write(field::kIncompatible, vectors_of(bits));
    if (done) done = co_await image.file().sync();
  }
  if (done) done = co_await image.reload_tables();
  co_return done;
}

}  // namespace orrery::storage::qcow2
