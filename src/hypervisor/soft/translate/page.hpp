// What has been translated of one page of guest code: blocks that start in it, for one linear
// address, one place in guest memory and one way to access data. It is forgotten as a whole when
// the page changes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/types.hpp"
#include "hypervisor/soft/access.hpp"
#include "hypervisor/soft/translate/state.hpp"

namespace orrery::hypervisor::soft::translate {

struct BlockEntry {
  std::uint64_t checked =
      0;                   // entered from anywhere: checks that the page is the one, and attention
  std::uint64_t body = 0;  // entered from within the page; 0: nothing to be translated here
  unsigned instructions = 0;
  std::size_t size = 0;    // of the host code, from `checked` on
  std::uint64_t cold = 0;  // where what is hardly ever executed of it lies
  std::size_t cold_size = 0;
};

struct Page;

// What the code of a page says about it. A copy: the page gets a new id when it changes, while code
// is emitted by another thread.
struct PageStamp {
  const Page* page;
  std::uint64_t linear;
  AccessMode mode;
  std::uint32_t id;

  bool contains(std::uint64_t rip) const { return (rip & ~(kPageSize - 1)) == linear; }
  std::size_t slot() const { return page_slot(linear, mode); }
};

struct Page {
  std::uint64_t linear;
  GuestPhysical physical;
  AccessMode mode;
  std::uint32_t id;  // never used twice
  std::uint32_t version;
  const std::atomic<std::uint32_t>* current_version;
  std::unordered_map<std::uint16_t, BlockEntry> blocks;  // by offset
  unsigned times_changed = 0;

  bool is_current() const { return current_version->load(std::memory_order_acquire) == version; }
  bool contains(std::uint64_t rip) const { return (rip & ~(kPageSize - 1)) == linear; }
  PageStamp stamp() const { return {this, linear, mode, id}; }
};

struct PageKey {
  std::uint64_t linear;
  std::uint64_t physical;
  AccessMode mode;
  friend bool operator==(const PageKey&, const PageKey&) = default;
};
struct HashPageKey {
  std::size_t operator()(const PageKey& key) const {
    return (key.linear >> 12) * 0x9e37'79b9'7f4a'7c15 ^ key.physical ^
           static_cast<std::size_t>(key.mode);
  }
};
using PageMap = std::unordered_map<PageKey, std::unique_ptr<Page>, HashPageKey>;

}  // namespace orrery::hypervisor::soft::translate
