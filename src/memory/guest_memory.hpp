// Guest-physical memory: which addresses are RAM or ROM, and where they lie in this process.
//
// Regions are fixed when the memory is created; everything else on the bus is device space. Pages
// carry flags that any thread may set and read: kDirty for migration and snapshots, kWatched where
// an engine must be told of writes (it has decoded code from the page, or mirrors page tables that
// lie in it).
//
// Who writes how:
//  - devices and loaders use read() and write(), or host_span() followed by mark_written();
//  - an engine uses host_page() and keeps the flags itself.
//
// Threads: all functions may be called from any thread. Two writers of the same bytes race as they
// would on a real memory bus.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/types.hpp"
#include "base/zeroed_array.hpp"

namespace orrery::memory {

enum class RegionKind : std::uint8_t { kRam, kRom };

struct Region {
  GuestPhysical start;
  Bytes size;
  RegionKind kind = RegionKind::kRam;
  std::byte* host = nullptr;  // filled in by GuestMemory

  bool contains(GuestPhysical address) const {
    return address >= start && address - start < size.value();
  }
};

// Pages that follow each other.
struct PageRun {
  GuestPhysical start;
  std::uint64_t pages = 0;
  friend bool operator==(const PageRun&, const PageRun&) = default;
};

// Told, on the writer's thread, that somebody else wrote to a watched page. Must not block.
class PageWatcher {
 public:
  virtual ~PageWatcher() = default;
  virtual void page_written(GuestPhysical page) = 0;
};

class GuestMemory {
 public:
  static constexpr std::uint8_t kDirty = 1u << 0;
  static constexpr std::uint8_t kWatched = 1u << 1;

  // Reserves address space for the regions; the host commits pages as they are touched. Regions
  // must be page-aligned and must not overlap.
  static Result<std::unique_ptr<GuestMemory>> create(std::vector<Region> regions);
  ~GuestMemory();
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  std::span<const Region> regions() const { return regions_; }
  Bytes ram_size() const;

  // The region that holds an address, or nullptr for device space.
  const Region* find(GuestPhysical address) const;

  // Start of the page in this process, or nullptr for device space.
  std::byte* host_page(GuestPhysical address) const;

  // SIZE bytes of RAM as one span, or nothing when any of it is not RAM or leaves the region.
  std::optional<MutableByteSpan> host_span(GuestPhysical address, std::uint64_t size) const;

  // Copies; false (and nothing copied) when any byte lies outside RAM and ROM. write() refuses ROM.
  [[nodiscard]] bool read(GuestPhysical address, MutableByteSpan destination) const;
  [[nodiscard]] bool write(GuestPhysical address, ByteSpan source);
  // As write(), but also into ROM: for loaders and firmware images.
  [[nodiscard]] bool load(GuestPhysical address, ByteSpan source);

  // To be called after bytes were written through host_span(): sets kDirty and tells the watcher.
  void mark_written(GuestPhysical address, std::uint64_t size);

  // Flags of the page that holds a RAM or ROM address. An engine sets kWatched with fetch_or before
  // it reads the page and a writer reads it after it wrote (both sequentially consistent), so no
  // write is missed.
  std::atomic<std::uint8_t>& page_flags(GuestPhysical address);

  // Clears kDirty everywhere and tells where it was set, in ascending order. Meant for a
  // hypervisor, which sees to it that its vCPUs set the flag (Vm::take_dirty_pages()).
  std::vector<PageRun> take_dirty_pages();

  // Makes the content of all regions that of a file, in which they follow each other in ascending
  // order: a page is read when it is first touched, and what is written here stays here. The file
  // must not change as long as this lives; it need not stay open. Before anybody else uses the
  // memory.
  Result<> map_file(int file);

  // At most one watcher, set before vCPUs run; nullptr removes it.
  void set_watcher(PageWatcher* watcher) { watcher_ = watcher; }

 private:
  explicit GuestMemory(std::vector<Region> regions);
  [[nodiscard]] bool copy_in(GuestPhysical address, ByteSpan source, bool into_rom);

  std::vector<Region> regions_;                                // sorted by start
  std::vector<ZeroedArray<std::atomic<std::uint8_t>>> flags_;  // per region, per page
  PageWatcher* watcher_ = nullptr;
};

}  // namespace orrery::memory
