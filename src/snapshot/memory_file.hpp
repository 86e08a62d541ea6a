// Guest memory in a file: its regions one after the other, page for page; pages of zeroes are
// holes. docs/formats/snapshot.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "memory/guest_memory.hpp"
#include "snapshot/manifest.hpp"

namespace orrery::snapshot {

std::vector<Region> regions_of(const memory::GuestMemory& memory);

// Writes all pages that are not zeroes into an empty FILE, and gives it its length. Of pages that
// vCPUs write meanwhile some state; who keeps a log of them writes them again. CANCELLED: ends it
// early, with an error.
Result<> write_memory(int file, const memory::GuestMemory& memory,
                      const std::atomic<bool>& cancelled);

// Writes the pages of RUNS, as they are now.
Result<> write_pages(int file, const memory::GuestMemory& memory,
                     std::span<const memory::PageRun> runs, const std::atomic<bool>& cancelled);

// A copy of some pages at one instant, to be written later: a machine that stands waits for the
// copying only.
class PageCopy {
 public:
  // Has the room for so many, touched already; more cost more at that instant.
  explicit PageCopy(std::uint64_t pages) : bytes_(pages * kPageSize) {}

  void take(const memory::GuestMemory& memory, std::vector<memory::PageRun> runs);
  std::uint64_t pages() const;
  Result<> write(int file, const memory::GuestMemory& memory) const;

 private:
  std::vector<std::byte> bytes_;
  std::vector<memory::PageRun> runs_;
};

// ---- The pieces of a memory's file, and their digests ----

inline constexpr std::uint64_t kPiece = 1_MiB;

// Digests of all pieces of BYTES of the file, each 32 bytes; the last may be shorter.
Result<std::vector<std::byte>> sum_pieces(int file, std::uint64_t bytes);

}  // namespace orrery::snapshot
