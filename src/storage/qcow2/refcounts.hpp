// Who uses which cluster of an image's file: refcount table, refcount blocks, and the finding of
// free clusters ("Host cluster management" in the specification). Private to storage/.
//
// A cluster that loses its last user is not free at once: it may still be what the file's tables
// name until the next flush, and what requests in flight read or write. retire() keeps it for
// then (Image::flush()).
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "storage/io/image_file.hpp"
#include "storage/io/page_cache.hpp"
#include "storage/qcow2/header.hpp"

namespace orrery::storage::qcow2 {

// Clusters next to each other.
struct Run {
  std::uint64_t offset = 0;  // in the file
  std::uint64_t count = 0;   // clusters
  bool fresh = false;        // behind what the file ever had: reads as zeroes
};

class Refcounts {
 public:
  Refcounts(ImageFile& file, PageCache& cache, Header& header)
      : file_(file), cache_(cache), header_(header) {}

  // Reads the refcount table, perhaps anew. Before anything else.
  Task<Result<>> open();

  // 1 to WANTED clusters, with a refcount of one.
  Task<Result<Run>> allocate(std::uint64_t wanted);
  // Exactly COUNT, for a table.
  Task<Result<Run>> allocate_all(std::uint64_t count);
  // Takes one use away from each cluster of the range, once it is safe.
  void retire(std::uint64_t offset, std::uint64_t length);

  Task<Result<std::uint64_t>> refcount(std::uint64_t offset);
  // To exactly this value, at once: for tools that know that it is safe.
  Task<Result<>> set(std::uint64_t offset, std::uint64_t value);

  // Clusters that hold the image's own tables: never a place for data.
  bool is_metadata(std::uint64_t offset) const {
    return metadata_.contains(offset >> header_.cluster_bits);
  }
  void add_metadata(std::uint64_t offset, std::uint64_t length);
  // The same for a table that a file names: it lies within the file, and over no other.
  Result<> claim_metadata(std::string_view what, std::uint64_t offset, std::uint64_t length);
  void remove_metadata(std::uint64_t offset, std::uint64_t length);

  // The changed sectors of the refcount table, as they are now.
  struct TableSnapshot {
    std::vector<std::vector<std::byte>> contents;
    std::vector<ImageFile::Write> writes;
    std::set<std::uint64_t> sectors;
  };
  TableSnapshot take_dirty_table();
  void table_failed(const TableSnapshot& snapshot);

  // Retired clusters become free whose EPOCH is older than ENDED; `oldest` is the epoch of the
  // oldest request in flight.
  Task<Result<>> release_retired(std::uint64_t ended, std::uint64_t oldest);
  bool has_retired() const { return !retired_.empty(); }
  void begin_epoch(std::uint64_t epoch) { epoch_ = epoch; }
  void abandon() { mutex_.abandon(); }

 private:
  struct Retired {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint64_t epoch = 0;
  };

  std::uint64_t block_of(std::uint64_t cluster) const {
    return cluster / header_.refcounts_per_block();
  }
  bool covered(std::uint64_t cluster) const {
    const std::uint64_t block = block_of(cluster);
    return block < table_.size() && table_[block] != 0;
  }
  Task<Result<Page*>> page_for(std::uint64_t cluster);
  std::uint64_t load(const Page& page, std::uint64_t cluster) const;
  void store(Page& page, std::uint64_t cluster, std::uint64_t value);
  std::uint64_t per_page() const { return cache_.page_size() * 8 >> header_.refcount_order; }

  Task<Result<Run>> find_free(std::uint64_t wanted);
  Task<Result<>> claim(Run& run);
  Task<Result<>> add_block(std::uint64_t block);
  Task<Result<>> grow_table(std::uint64_t block);
  Task<Result<>> release(const Retired& retired);

  ImageFile& file_;
  PageCache& cache_;
  Header& header_;
  std::vector<std::uint64_t> table_;            // offsets of blocks; 0: none
  std::set<std::uint64_t> dirty_sectors_;       // of the table in the file, 512 bytes each
  std::unordered_set<std::uint64_t> metadata_;  // cluster numbers
  std::uint64_t scan_ = 0;                      // no cluster below is free
  std::uint64_t fresh_from_ = 0;                // offset: nothing was ever written from here on
  std::deque<Retired> retired_;
  std::uint64_t epoch_ = 0;
  TaskMutex mutex_;
};

}  // namespace orrery::storage::qcow2
