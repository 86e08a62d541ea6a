// Which image of a chain holds what, so that a read costs the same however long the chain is.
// Private to storage/qcow2/; on the loop's thread.
//
// The images of a chain do not change while they are open (only the one above them is written), so
// what was found once stays true. It is found a page at a time: one piece of an L2 table of each
// image, from the top down, until every cluster of the page has its image. A page describes 512
// clusters (of the smallest size in the chain; a subcluster counts as one): 32 MiB of a disk with
// the usual 64 KiB. Where neighbours were asked for already, several pages are built together, for
// a piece of a thousand tables costs a thousand reads, however long it is.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "storage/qcow2/chain/layer.hpp"

namespace orrery::storage::qcow2 {

class ChainIndex {
 public:
  // 5 KiB each, so 20 MiB, which describe 128 GiB with clusters of 64 KiB; a page beyond takes the
  // place of one that is as far from the disk's start modulo that.
  static constexpr std::size_t kMostPages = 4096;
  static constexpr std::size_t kPageClusters = 512;
  static constexpr std::uint16_t kNoLayer = UINT16_MAX;

  // LAYERS: the top one first, fewer than kNoLayer; have to outlive the index. SIZE: of what is
  // asked for, bytes.
  ChainIndex(const std::vector<Layer>& layers, std::uint64_t size,
             std::size_t most_pages = kMostPages);

  // A stretch of one kind.
  struct Place {
    enum class Kind : std::uint8_t {
      kBase,  // no image holds it
      kZero,
      kData,
      kCompressed,
      kDamaged,  // the layer's table names what cannot be
    };
    Kind kind = Kind::kBase;
    std::uint16_t layer = kNoLayer;
    std::uint64_t length = 0;  // bytes, at least one
    std::uint64_t where = 0;   // kData: in the layer's file; kCompressed: the L2 entry
  };

  struct Page;
  // In memory already, or null.
  const Page* find(std::uint64_t offset) const {
    const Page* const page = slot_of(offset >> page_bits_).get();
    return page != nullptr && page->number == offset >> page_bits_ ? page : nullptr;
  }
  // Good until the next wait.
  Task<Result<const Page*>> get(std::uint64_t offset);
  // What begins at OFFSET, which is in PAGE; at most LENGTH bytes.
  Place locate(const Page& page, std::uint64_t offset, std::uint64_t length) const;
  // For the end: who waits is not resumed any more.
  void abandon() { built_.abandon(); }

  struct Page {
    std::uint64_t number = 0;
    std::size_t unresolved = kPageClusters;
    std::array<std::uint64_t, kPageClusters> where{};
    std::array<std::uint16_t, kPageClusters> layer{};
  };

 private:
  // A part of an L1 table, because whole ones of a thousand images would be many.
  struct Window {
    std::uint64_t first = 0;
    std::vector<std::uint64_t> entries;
  };
  struct Piece;
  // Pages with consecutive numbers that are built together; null where one is there already.
  struct Batch {
    std::uint64_t first = 0;
    std::vector<std::unique_ptr<Page>> pages;
  };

  std::unique_ptr<Page>& slot_of(std::uint64_t number) { return pages_[number % pages_.size()]; }
  const std::unique_ptr<Page>& slot_of(std::uint64_t number) const {
    return pages_[number % pages_.size()];
  }
  std::uint64_t page_size() const { return 1ull << page_bits_; }
  bool has(std::uint64_t number) const {
    const std::unique_ptr<Page>& page = slot_of(number);
    return page != nullptr && page->number == number;
  }
  Batch choose_batch(std::uint64_t number) const;
  Task<Result<>> build(Batch& batch);
  Task<Result<>> load(Piece& piece, const Batch& batch);
  Task<Result<std::uint64_t>> l1_entry(std::uint16_t layer, std::uint64_t index);
  void resolve(Page& page, std::size_t at, const Piece& piece) const;
  void resolve_cluster(Page& page, const Piece& piece, const std::byte* entry,
                       std::uint64_t offset) const;
  static void set(Page& page, std::size_t at, std::uint16_t layer, std::uint64_t where);

  const std::vector<Layer>& layers_;
  std::vector<std::uint64_t> visible_;  // by layer: what lies behind reads as zeroes from above
  unsigned cluster_bits_ = 0;           // of the smallest clusters
  unsigned page_bits_ = 0;
  std::uint64_t needed_ = 1;         // pages that the disk has
  std::uint64_t most_together_ = 1;  // pages, a power of two: within one L2 table of each layer
  std::vector<std::unique_ptr<Page>> pages_;
  std::set<std::uint64_t> building_;  // numbers of pages
  Changed built_;
  std::vector<Window> windows_;  // by layer
};

}  // namespace orrery::storage::qcow2
