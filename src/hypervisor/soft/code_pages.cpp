#include "hypervisor/soft/code_pages.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

using memory::GuestMemory;

CodePages::CodePages(GuestMemory& memory, bool directed) : memory_(memory), directed_(directed) {
  for (const memory::Region& region : memory.regions()) {
    pages_.emplace_back(region.size.value() >> kPageShift);
    writers_.emplace_back(region.size.value() >> kPageShift);
  }
  memory_.set_watcher(this);
}

CodePages::~CodePages() {
  memory_.set_watcher(nullptr);
}

void CodePages::add(Cpu& cpu) {
  cpus_.lock()->push_back(&cpu);
}
void CodePages::remove(Cpu& cpu) {
  std::erase(*cpus_.lock(), &cpu);
}

CodePages::Page& CodePages::page(GuestPhysical address) {
  const memory::Region* region = memory_.find(address);
  ORRERY_ASSERT(region != nullptr);
  return pages_[index_of(*region)][(address - region->start) >> kPageShift];
}

std::uint64_t CodePages::granules_of(GuestPhysical address, unsigned size) {
  const std::uint64_t first = address.value() % kPageSize;
  return (~std::uint64_t{0} << (first / 64)) &
         (~std::uint64_t{0} >> (63 - (first + size - 1) / 64));
}

std::uint32_t CodePages::begin_decode(GuestPhysical address, unsigned size, Cpu& requester) {
  Page& code = page(address);
  const std::atomic<std::uint8_t>& flags = memory_.page_flags(address);
  for (;;) {
    guard(address, code, requester);
    code.granules.fetch_or(granules_of(address, size));
    const std::uint32_t version = code.version.load();
    // invalidate() stops the watch before it raises the version: if the page is still watched now,
    // a later store raises it beyond the one returned.
    if ((flags.load() & GuestMemory::kWatched) != 0) return version;
  }
}

void CodePages::guard(GuestPhysical address, Page& page, Cpu& requester) {
  std::atomic<std::uint8_t>& flags = memory_.page_flags(address);
  if ((flags.fetch_or(GuestMemory::kWatched) & GuestMemory::kWatched) != 0) {
    // Watched already; another vCPU may still be waiting for the others to notice.
    while (!page.guarded.load() && (flags.load() & GuestMemory::kWatched) != 0) {
      requester.serve_write_permission_drops();
    }
    return;
  }
  requester.drop_write_permission(memory_.host_page(address));
  const std::vector<Cpu*> others = *cpus_.lock();
  const unsigned writers = writers_of(*memory_.find(address), address).load();
  for (Cpu* other : others) {
    if (other == &requester) continue;
    const bool may_write = (writers >> other->id().value() & 1) != 0;
    if (may_write || !directed_) {
      ++sent_;
      other->drop_write_permissions_for(requester);
    } else {
      ++spared_;
    }
  }
  page.guarded.store(true);
}

void CodePages::drop_write_permissions() {
  const std::vector<Cpu*> cpus = *cpus_.lock();
  for (Cpu* cpu : cpus) cpu->drop_write_permissions();
}

void CodePages::written(GuestPhysical address, unsigned size) {
  if ((page(address).granules.load() & granules_of(address, size)) != 0) invalidate(address);
}

void CodePages::page_written(GuestPhysical page) {
  invalidate(page);
}

void CodePages::invalidate(GuestPhysical address) {
  Page& code = page(address);
  code.granules.store(0);
  code.guarded.store(false);
  memory_.page_flags(address).fetch_and(static_cast<std::uint8_t>(~GuestMemory::kWatched));
  code.version.fetch_add(1);
  epoch_.fetch_add(1);
  for (Cpu* cpu : *cpus_.lock()) cpu->code_changed(address);
}

}  // namespace orrery::hypervisor::soft
