#include "snapshot/memory_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "base/assert.hpp"
#include "base/bits.hpp"
#include "base/zeroes.hpp"
#include "snapshot/files.hpp"

namespace orrery::snapshot {
namespace {

// Looked at or written at a time: some milliseconds' work between looks at whether to go on.
constexpr std::uint64_t kStretch = 4_MiB;

constexpr const char* kMemoryFile = "the memory's file";

bool is_zero_page(const std::byte* page) {
  return is_zero({page, kPageSize});
}

Result<> check_cancelled(const std::atomic<bool>& cancelled) {
  if (cancelled.load(std::memory_order_relaxed)) return fail("it was given up");
  return {};
}

// Where a page is in the file.
std::uint64_t offset_of(const memory::GuestMemory& memory, GuestPhysical address) {
  std::uint64_t before = 0;
  for (const memory::Region& region : memory.regions()) {
    if (region.contains(address)) return before + (address - region.start);
    before += region.size.value();
  }
  ORRERY_ASSERT(false);
  return 0;
}

// A stretch of a region, without its zeroes: neighbours by one call.
Result<> write_stretch(int file, const std::byte* bytes, std::uint64_t size, std::uint64_t offset) {
  for (std::uint64_t at = 0; at < size;) {
    if (is_zero_page(bytes + at)) {
      at += kPageSize;
      continue;
    }
    std::uint64_t end = at + kPageSize;
    while (end < size && !is_zero_page(bytes + end)) end += kPageSize;
    ORRERY_CHECK(write_all(file, {bytes + at, end - at}, offset + at, kMemoryFile));
    at = end;
  }
  return {};
}

}  // namespace

std::vector<Region> regions_of(const memory::GuestMemory& memory) {
  std::vector<Region> regions;
  for (const memory::Region& region : memory.regions()) {
    regions.push_back({region.start, region.size});
  }
  return regions;
}

Result<> write_memory(int file, const memory::GuestMemory& memory,
                      const std::atomic<bool>& cancelled) {
  std::uint64_t before = 0;
  for (const memory::Region& region : memory.regions()) {
    for (std::uint64_t at = 0; at < region.size.value(); at += kStretch) {
      ORRERY_CHECK(check_cancelled(cancelled));
      const std::uint64_t part = std::min(kStretch, region.size.value() - at);
      ORRERY_CHECK(write_stretch(file, region.host + at, part, before + at));
    }
    before += region.size.value();
  }
  if (::ftruncate(file, static_cast<off_t>(before)) != 0) {
    return fail_errno("cannot give the memory's file its length");
  }
  return {};
}

Result<> write_pages(int file, const memory::GuestMemory& memory,
                     std::span<const memory::PageRun> runs, const std::atomic<bool>& cancelled) {
  for (const memory::PageRun& run : runs) {
    ORRERY_CHECK(check_cancelled(cancelled));
    const ByteSpan bytes(memory.host_page(run.start), run.pages * kPageSize);
    ORRERY_CHECK(write_all(file, bytes, offset_of(memory, run.start), kMemoryFile));
  }
  return {};
}

void PageCopy::take(const memory::GuestMemory& memory, std::vector<memory::PageRun> runs) {
  runs_ = std::move(runs);
  const std::uint64_t size = pages() * kPageSize;
  if (bytes_.size() < size) bytes_.resize(size);
  std::byte* to = bytes_.data();
  for (const memory::PageRun& run : runs_) {
    std::memcpy(to, memory.host_page(run.start), run.pages * kPageSize);
    to += run.pages * kPageSize;
  }
}

std::uint64_t PageCopy::pages() const {
  std::uint64_t count = 0;
  for (const memory::PageRun& run : runs_) count += run.pages;
  return count;
}

Result<> PageCopy::write(int file, const memory::GuestMemory& memory) const {
  const std::byte* from = bytes_.data();
  for (const memory::PageRun& run : runs_) {
    const std::uint64_t size = run.pages * kPageSize;
    ORRERY_CHECK(write_all(file, {from, size}, offset_of(memory, run.start), kMemoryFile));
    from += size;
  }
  return {};
}

Result<std::vector<std::byte>> sum_pieces(int file, std::uint64_t bytes) {
  store::Hasher hasher;
  std::vector<std::byte> piece(kPiece);
  std::vector<std::byte> sums;
  for (std::uint64_t at = 0; at < bytes; at += kPiece) {
    const std::size_t size = std::min(kPiece, bytes - at);
    for (std::size_t done = 0; done < size;) {
      const ssize_t count =
          ::pread(file, piece.data() + done, size - done, static_cast<off_t>(at + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_errno("cannot be read");
      if (count == 0) return fail("damaged: it is shorter than it was");
      done += static_cast<std::size_t>(count);
    }
    const store::Digest digest = hasher.digest(ByteSpan(piece).first(size));
    sums.insert(sums.end(), digest.bytes.begin(), digest.bytes.end());
  }
  return sums;
}

}  // namespace orrery::snapshot
