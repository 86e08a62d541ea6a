// The metadata of an open image in memory: pages of L2 tables and of refcount blocks, by their
// place in the file. Private to storage/; on the loop's thread.
//
// Clean pages leave when there are too many; dirty ones stay until Image::flush() wrote them in the
// order that keeps the image whole (docs/rooms/storage.md). So the bound holds for clean pages, and
// Image makes writers wait when too many are dirty.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "storage/io/image_file.hpp"

namespace orrery::storage {

enum class PageKind : std::uint8_t { kMapping, kRefcounts };

struct Page {
  std::uint64_t offset = 0;
  PageKind kind = PageKind::kMapping;
  bool dirty = false;
  bool writing = false;  // what the file has is older
  std::vector<std::byte> data;
  std::list<Page*>::iterator use;  // in the order of use
};

class PageCache {
 public:
  // 4 KiB: what disks write as one, and 32 MiB of a disk with 64 KiB clusters; smaller where a
  // cluster is, so that a page lies within one table.
  static constexpr std::uint64_t kPageSize = 4096;

  PageCache(ImageFile& file, std::size_t most_pages) : file_(file), most_pages_(most_pages) {}
  // Before the first page.
  void set_cluster_size(std::uint64_t size) { page_size_ = std::min(kPageSize, size); }

  std::uint64_t page_size() const { return page_size_; }
  std::uint64_t page_of(std::uint64_t offset) const { return offset & ~(page_size_ - 1); }

  // In memory already, or null. OFFSET: any within the page.
  Page* find(std::uint64_t offset);
  // Pages are good until the next wait.
  Task<Result<Page*>> get(std::uint64_t offset, PageKind kind);
  // Of a table that was just written: all zeroes, without reading it.
  Page& create(std::uint64_t offset, PageKind kind);
  void mark_dirty(Page& page);
  // The range is no metadata any more.
  void drop(std::uint64_t offset, std::uint64_t length);

  std::size_t dirty_count() const { return dirty_[0].size() + dirty_[1].size(); }
  // The dirty pages of a kind as they are now, neighbours together. They count as clean from now
  // on, and stay in memory until written() said how it went; where it failed they are dirty again.
  struct Snapshot {
    std::vector<std::vector<std::byte>> contents;
    std::vector<ImageFile::Write> writes;
    std::vector<std::uint64_t> offsets;  // of pages
  };
  Snapshot take_dirty(PageKind kind);
  void written(const Snapshot& snapshot, const Result<>& result);
  // Everything leaves, dirty or not.
  void clear();
  void abandon() { loaded_.abandon(); }

 private:
  Page& insert(std::uint64_t offset, PageKind kind, std::vector<std::byte> data);
  void evict();

  ImageFile& file_;
  std::uint64_t page_size_ = kPageSize;
  const std::size_t most_pages_;
  std::array<std::set<std::uint64_t>, 2> dirty_;  // offsets, by kind
  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::list<Page*> by_use_;                          // the latest first
  std::unordered_map<std::uint64_t, bool> loading_;  // true: dropped meanwhile
  Changed loaded_;
};

}  // namespace orrery::storage
