#include "memory/guest_memory.hpp"

#include <algorithm>

#include <sys/mman.h>

#include "base/assert.hpp"
#include "base/bits.hpp"
#include "base/format.hpp"

namespace orrery::memory {
namespace {

// Memory for SIZE bytes from guest-physical START on, or nullptr. It lies in huge pages of the host
// as the guest's lies in its own, and asks for them: a guest touches most of what it has, and each
// page that the host brings in is an exception, each entry of its TLB a walk.
std::byte* reserve(std::uint64_t start, std::uint64_t size) {
  constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
  const std::uint64_t reserved = size + kHugePage;
  void* const address = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(address);
  const std::uint64_t before = (start - reinterpret_cast<std::uint64_t>(begin)) % kHugePage;
  if (before != 0) ::munmap(begin, before);
  ::munmap(begin + before + size, kHugePage - before);
  (void)::madvise(begin + before, size, MADV_HUGEPAGE);  // small ones do where there are none
  return begin + before;
}

}  // namespace

Result<std::unique_ptr<GuestMemory>> GuestMemory::create(std::vector<Region> regions) {
  std::ranges::sort(regions, {}, &Region::start);
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    if (!is_aligned(region.start.value(), kPageSize) ||
        !is_aligned(region.size.value(), kPageSize) || region.size.value() == 0) {
      return fail(format("memory region at {:#x}: start and size must be multiples of 4096 bytes",
                         region.start.value()));
    }
    if (i > 0 && regions[i - 1].start + regions[i - 1].size.value() > region.start) {
      return fail(
          format("memory region at {:#x} overlaps the one before it", region.start.value()));
    }
  }
  std::unique_ptr<GuestMemory> memory(new GuestMemory(std::move(regions)));
  for (Region& region : memory->regions_) {
    region.host = reserve(region.start.value(), region.size.value());
    if (region.host == nullptr) {
      return fail_errno(format("cannot reserve {} MiB of guest memory", region.size.value() >> 20));
    }
  }
  return memory;
}

GuestMemory::GuestMemory(std::vector<Region> regions) : regions_(std::move(regions)) {
  for (const Region& region : regions_) {
    flags_.emplace_back(region.size.value() >> kPageShift);
  }
}

GuestMemory::~GuestMemory() {
  for (const Region& region : regions_) {
    if (region.host != nullptr) ::munmap(region.host, region.size.value());
  }
}

Bytes GuestMemory::ram_size() const {
  Bytes total;
  for (const Region& region : regions_) {
    if (region.kind == RegionKind::kRam) total += region.size.value();
  }
  return total;
}

const Region* GuestMemory::find(GuestPhysical address) const {
  for (const Region& region : regions_) {
    if (region.contains(address)) return &region;
  }
  return nullptr;
}

std::byte* GuestMemory::host_page(GuestPhysical address) const {
  const Region* region = find(address);
  if (region == nullptr) return nullptr;
  return region->host + align_down(address - region->start, kPageSize);
}

std::optional<MutableByteSpan> GuestMemory::host_span(GuestPhysical address,
                                                      std::uint64_t size) const {
  const Region* region = find(address);
  if (region == nullptr || region->kind != RegionKind::kRam) return std::nullopt;
  const std::uint64_t offset = address - region->start;
  if (size > region->size.value() - offset) return std::nullopt;
  return MutableByteSpan(region->host + offset, size);
}

bool GuestMemory::read(GuestPhysical address, MutableByteSpan destination) const {
  const Region* region = find(address);
  if (region == nullptr) return false;
  const std::uint64_t offset = address - region->start;
  if (destination.size() > region->size.value() - offset) return false;
  std::memcpy(destination.data(), region->host + offset, destination.size());
  return true;
}

bool GuestMemory::copy_in(GuestPhysical address, ByteSpan source, bool into_rom) {
  const Region* region = find(address);
  if (region == nullptr || (region->kind == RegionKind::kRom && !into_rom)) return false;
  const std::uint64_t offset = address - region->start;
  if (source.size() > region->size.value() - offset) return false;
  std::memcpy(region->host + offset, source.data(), source.size());
  mark_written(address, source.size());
  return true;
}

bool GuestMemory::write(GuestPhysical address, ByteSpan source) {
  return copy_in(address, source, false);
}
bool GuestMemory::load(GuestPhysical address, ByteSpan source) {
  return copy_in(address, source, true);
}

std::atomic<std::uint8_t>& GuestMemory::page_flags(GuestPhysical address) {
  const Region* region = find(address);
  ORRERY_ASSERT(region != nullptr);
  const auto index = static_cast<std::size_t>(region - regions_.data());
  return flags_[index][(address - region->start) >> kPageShift];
}

void GuestMemory::mark_written(GuestPhysical address, std::uint64_t size) {
  if (size == 0) return;
  const GuestPhysical last = address + (size - 1);
  for (GuestPhysical page{align_down(address.value(), kPageSize)}; page <= last;
       page += kPageSize) {
    const std::uint8_t flags = page_flags(page).fetch_or(kDirty);
    if ((flags & kWatched) != 0 && watcher_ != nullptr) watcher_->page_written(page);
  }
}

std::vector<PageRun> GuestMemory::take_dirty_pages() {
  std::vector<PageRun> runs;
  for (std::size_t n = 0; n < regions_.size(); ++n) {
    auto& flags = flags_[n];
    std::uint64_t next = 0;  // after the current run; 0: there is none in this region yet
    for (std::uint64_t page = 0; page < regions_[n].size.value() >> kPageShift; ++page) {
      // Most pages are clean: a load costs less than an exchange.
      if ((flags[page].load(std::memory_order_relaxed) & kDirty) == 0) continue;
      flags[page].fetch_and(static_cast<std::uint8_t>(~kDirty));
      if (next == 0 || next != page) runs.push_back({regions_[n].start + (page << kPageShift), 0});
      ++runs.back().pages;
      next = page + 1;
    }
  }
  return runs;
}

}  // namespace orrery::memory
