// Which bytes of guest memory have been decoded, shared by all vCPUs of a VM, so that
// self-modifying and cross-modifying code is seen (SDM vol. 3A, 8.1.3 and 11.6).
//
// A page with decoded code is "watched": no vCPU may have it in its TLB for writing, so every store
// to it takes the slow path and reports here. A store that touches decoded bytes raises the page's
// version; a block that was decoded from an older version is never entered again.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/guarded.hpp"
#include "base/types.hpp"
#include "base/zeroed_array.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::hypervisor::soft {

class Cpu;

class CodePages : public memory::PageWatcher {
 public:
  struct Page {
    // Raised (release) after a store into decoded bytes; blocks compare it (acquire) whenever they
    // are entered.
    std::atomic<std::uint32_t> version{0};
    // Bit n: bytes 64n to 64n + 63 of the page have been decoded since the version changed.
    std::atomic<std::uint64_t> granules{0};
    // The page is watched and every vCPU has dropped its write permission.
    std::atomic<bool> guarded{false};
  };

  // DIRECTED: where code is found, only vCPUs that have had the page for writing are interrupted.
  explicit CodePages(memory::GuestMemory& memory, bool directed = true);
  ~CodePages() override;
  CodePages(const CodePages&) = delete;
  CodePages& operator=(const CodePages&) = delete;

  void add(Cpu& cpu);
  void remove(Cpu& cpu);

  Page& page(GuestPhysical address);

  // To be called by vCPU ID before it maps the page at ADDRESS, within REGION, for writing
  // unnoticed, and before it looks whether the page is watched: guard() watches first, then looks
  // who writes.
  void note_writer(const memory::Region& region, GuestPhysical address, VcpuId id) {
    std::atomic<std::uint16_t>& writers = writers_of(region, address);
    const auto bit = static_cast<std::uint16_t>(1u << id.value());
    if ((writers.load(std::memory_order_relaxed) & bit) == 0) writers.fetch_or(bit);
  }

  // How often a vCPU was asked to drop its permissions, and how often that was spared.
  struct Shootdowns {
    std::uint64_t sent = 0;
    std::uint64_t spared = 0;
  };
  Shootdowns shootdowns() const { return {sent_.load(), spared_.load()}; }

  // To be called before REQUESTER reads SIZE bytes (within one page) as code. Returns the version
  // that a block decoded from them belongs to; from then on no store to them goes unnoticed.
  std::uint32_t begin_decode(GuestPhysical address, unsigned size, Cpu& requester);

  // Returns when no vCPU can write unnoticed to any page that it has written before. Not for a
  // vCPU's own thread.
  void drop_write_permissions();

  // Raised whenever any version is: while it stands still, every block that was current still is.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  // A vCPU has stored SIZE bytes (within one page) to a watched page.
  void written(GuestPhysical address, unsigned size);

  // A device or loader has written somewhere in a watched page.
  void page_written(GuestPhysical page) override;

  // Held while a locked instruction changes an operand that crosses into another page, which no
  // instruction of the host does at once: such instructions are atomic towards each other (and see
  // docs/rooms/engine.md), as bus locks are (SDM vol. 3A, 8.1.2.2).
  std::mutex& split_lock() { return split_lock_; }

 private:
  static std::uint64_t granules_of(GuestPhysical address, unsigned size);
  void guard(GuestPhysical address, Page& page, Cpu& requester);
  void invalidate(GuestPhysical address);
  std::size_t index_of(const memory::Region& region) const {
    return static_cast<std::size_t>(&region - memory_.regions().data());
  }
  std::atomic<std::uint16_t>& writers_of(const memory::Region& region, GuestPhysical address) {
    return writers_[index_of(region)][(address - region.start) >> kPageShift];
  }

  memory::GuestMemory& memory_;
  bool directed_;
  // Released by invalidate() after the version; blocks' versions are compared after it is acquired.
  alignas(64) std::atomic<std::uint64_t> epoch_{1};
  std::vector<ZeroedArray<Page>> pages_;  // per region
  // Of each page which vCPUs have ever mapped it for writing, a bit each; per region.
  std::vector<ZeroedArray<std::atomic<std::uint16_t>>> writers_;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> spared_{0};
  Guarded<std::vector<Cpu*>> cpus_;
  std::mutex split_lock_;
};

}  // namespace orrery::hypervisor::soft
