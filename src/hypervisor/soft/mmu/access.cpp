// The slow paths of a vCPU's memory accesses: what the inline TLB look-up in cpu.hpp leaves aside.
#include <algorithm>
#include <thread>

#include "hypervisor/soft/block.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/interpret/debug.hpp"
#include "hypervisor/soft/mmu/walk.hpp"
#include "hypervisor/soft/translate/lockstep.hpp"

namespace orrery::hypervisor::soft {
namespace {

using memory::GuestMemory;

constexpr std::uint64_t page_of(std::uint64_t address) {
  return address & ~(kPageSize - 1);
}

constexpr bool crosses_page(std::uint64_t address, unsigned size) {
  return page_of(address) != page_of(address + size - 1);
}

// Bytes from ADDRESS to the end of its page.
constexpr unsigned first_part(std::uint64_t address) {
  return static_cast<unsigned>(kPageSize - address % kPageSize);
}

// Splits an access to device memory into what a bus carries, naturally aligned: calls
// access(offset, width) for each part.
template <typename Function>
void for_each_bus_access(std::uint64_t address, unsigned size, Function access) {
  for (unsigned offset = 0; offset < size;) {
    unsigned part = 8;
    while (part > size - offset || (address + offset) % part != 0) part /= 2;
    access(offset, static_cast<Width>(part));
    offset += part;
  }
}

}  // namespace

GuestPhysical Cpu::translate(std::uint64_t linear, Access access, AccessMode mode) {
  return walk(state, memory_, tables_, linear, access, mode).physical;
}

// Translates and remembers: after this the TLB has the page if it may.
std::expected<GuestPhysical, Fault> Cpu::try_lookup(std::uint64_t linear, Access access,
                                                    AccessMode mode) {
  const bool fills = mode != AccessMode::kChecked && !data_breakpoints_ && lockstep_ == nullptr;
  const bool looks_around = fills && paging_.batches && debug_ == nullptr;
  Neighbours neighbours;
  const auto translation =
      try_walk(state, memory_, tables_, linear, access, mode, looks_around ? &neighbours : nullptr);
  if (!translation) return std::unexpected(translation.error());
  ++statistics.tlb_misses;
  const bool is_watched = debug_ != nullptr && debug_->watches_page_of(linear);
  if (fills && !is_watched) fill_tlb(linear, *translation, access, mode);
  populate(neighbours, mode);
  return translation->physical;
}

// Where nothing has to give way.
void Cpu::populate(const Neighbours& neighbours, AccessMode mode) {
  for (unsigned i = 0; i < neighbours.count; ++i) {
    const auto& [linear, translation] = neighbours.pages[i];
    if (!tlb_.has_room_for(mode, linear)) continue;
    ++statistics.tlb_neighbours;
    fill_tlb(linear, translation, Access::kRead, mode);
  }
}

GuestPhysical Cpu::lookup(std::uint64_t linear, Access access, AccessMode mode) {
  const auto physical = try_lookup(linear, access, mode);
  if (!physical) throw physical.error();
  return *physical;
}

void Cpu::fill_tlb(std::uint64_t linear, const Translation& translation, Access access,
                   AccessMode mode) {
  const memory::Region* region = memory_.find(translation.physical);
  if (region == nullptr) return;  // device memory

  const std::uint64_t page = page_of(linear);
  const auto host = reinterpret_cast<std::uint64_t>(memory_.host_page(translation.physical));
  TlbEntry& entry = tlb_.entry_to_fill(mode, linear, translation.global);
  if (translation.page_shift != kPageShift) tlb_.note_large(linear, translation.page_shift);
  const bool same_page =
      (entry.read_tag == page || entry.write_tag == page || entry.fetch_tag == page) &&
      entry.host == host;
  if (!same_page) Tlb::clear(entry, Tlb::index_of(linear));
  entry.host = host;

  if (access == Access::kExecute) {
    entry.fetch_tag = page;
    return;
  }
  entry.read_tag = page;
  const bool may_write = access == Access::kWrite || paging_.lazy_dirty;
  if (may_write && translation.writable && region->kind == memory::RegionKind::kRam) {
    // From here on stores are not seen: so the page counts as dirty now, and a watched page is left
    // out. CodePages::guard() sets kWatched before it asks for this entry to be dropped, so one of
    // the two sees the other. A store to other code of the page ends the watch while a block is
    // being executed there, which still has to see stores to itself.
    if (block_ != nullptr && block_->lies_in_page_of(translation.physical)) return;
    std::atomic<std::uint8_t>& page_flags = memory_.page_flags(translation.physical);
    if (access == Access::kWrite || (page_flags.load() & GuestMemory::kDirty) != 0) {
      code_pages_.note_writer(*region, translation.physical, id_);
      if ((page_flags.fetch_or(GuestMemory::kDirty) & GuestMemory::kWatched) == 0)
        entry.write_tag = page;
    }
  }
}

// In the middle of a block the instruction begins again by itself, so that the trap comes right
// behind it.
void Cpu::note_for_debugger(std::uint64_t linear, unsigned size, Access access) {
  if (!debug_->watches(linear, size, access)) return;
  if (!single_ && !delivering_ && block_ != nullptr) throw SelfModification{};
  debug_->note_access(linear, size, access);
  look_up();
}

// What is looked at in every access that the TLB does not know: alignment, data breakpoints and a
// debugger's watchpoints.
void Cpu::check_access(std::uint64_t linear, unsigned size, Access access, AccessMode mode) {
  if (mode == AccessMode::kChecked && linear % size != 0) raise(x86::Exception::kAlignmentCheck, 0);
  if (data_breakpoints_) breakpoints_hit_ |= data_breakpoints_at(state, linear, size, access);
  if (debug_ != nullptr) note_for_debugger(linear, size, access);
}

void Cpu::read_slow(std::uint64_t linear, void* destination, unsigned size, AccessMode mode) {
  if (lockstep_ != nullptr) return lockstep_->read(linear, destination, size, mode);
  read_slow_plain(linear, destination, size, mode);
}

void Cpu::write_slow(std::uint64_t linear, const void* source, unsigned size, AccessMode mode) {
  if (lockstep_ != nullptr) return lockstep_->write(linear, source, size, mode);
  write_slow_plain(linear, source, size, mode);
}

void Cpu::probe_write(std::uint64_t linear, unsigned size, AccessMode mode) {
  if (lockstep_ != nullptr) return lockstep_->probe_write(linear, size, mode);
  probe_write_plain(linear, size, mode);
}

void Cpu::read_slow_plain(std::uint64_t linear, void* destination, unsigned size, AccessMode mode) {
  check_access(linear, size, Access::kRead, mode);
  if (crosses_page(linear, size)) return read_crossing(linear, destination, size, mode);
  physical_read(lookup(linear, Access::kRead, mode), destination, size);
}

void Cpu::write_slow_plain(std::uint64_t linear, const void* source, unsigned size,
                           AccessMode mode) {
  check_access(linear, size, Access::kWrite, mode);
  if (crosses_page(linear, size)) return write_crossing(linear, source, size, mode);
  const GuestPhysical address = lookup(linear, Access::kWrite, mode);
  refuse_own_code_write(address, size);
  physical_write(address, source, size);
}

void Cpu::read_crossing(std::uint64_t linear, void* destination, unsigned size, AccessMode mode) {
  const unsigned first = first_part(linear);
  const GuestPhysical low = lookup(linear, Access::kRead, mode);
  const GuestPhysical high = lookup((linear + first) & linear_mask(), Access::kRead, mode);
  physical_read(low, destination, first);
  physical_read(high, static_cast<std::byte*>(destination) + first, size - first);
}

void Cpu::write_crossing(std::uint64_t linear, const void* source, unsigned size, AccessMode mode) {
  const unsigned first = first_part(linear);
  const GuestPhysical low = lookup(linear, Access::kWrite, mode);
  const GuestPhysical high = lookup((linear + first) & linear_mask(), Access::kWrite, mode);
  refuse_own_code_write(low, first);
  refuse_own_code_write(high, size - first);
  physical_write(low, source, first);
  physical_write(high, static_cast<const std::byte*>(source) + first, size - first);
}

void Cpu::physical_read(GuestPhysical address, void* destination, unsigned size) {
  if (const std::byte* page = memory_.host_page(address)) {
    std::memcpy(destination, page + address.value() % kPageSize, size);
    return;
  }
  for_each_bus_access(address.value(), size, [&](unsigned offset, Width width) {
    ++statistics.device_memory_accesses;
    const std::uint64_t value = environment.memory_read(address + offset, width);
    std::memcpy(static_cast<std::byte*>(destination) + offset, &value, bytes_of(width));
  });
}

void Cpu::physical_write(GuestPhysical address, const void* source, unsigned size) {
  const memory::Region* region = memory_.find(address);
  if (region == nullptr) {
    for_each_bus_access(address.value(), size, [&](unsigned offset, Width width) {
      ++statistics.device_memory_accesses;
      std::uint64_t value = 0;
      std::memcpy(&value, static_cast<const std::byte*>(source) + offset, bytes_of(width));
      environment.memory_write(address + offset, width, value);
    });
    return;
  }
  if (region->kind == memory::RegionKind::kRom) return;  // ROM takes no notice
  std::memcpy(memory_.host_page(address) + address.value() % kPageSize, source, size);
  note_write(address, size);
}

void Cpu::note_write(GuestPhysical address, unsigned size) {
  const std::uint8_t before = memory_.page_flags(address).fetch_or(GuestMemory::kDirty);
  if ((before & GuestMemory::kWatched) != 0) code_pages_.written(address, size);
}

void Cpu::refuse_own_code_write(GuestPhysical address, unsigned size) {
  if (single_ || block_ == nullptr || !block_->covers(address, size)) return;
  throw SelfModification{};
}

void Cpu::probe_write_plain(std::uint64_t linear, unsigned size, AccessMode mode) {
  check_access(linear, size, Access::kWrite, mode);
  refuse_own_code_write(lookup(linear, Access::kWrite, mode), std::min(size, first_part(linear)));
  if (crosses_page(linear, size)) {
    const unsigned first = first_part(linear);
    refuse_own_code_write(lookup((linear + first) & linear_mask(), Access::kWrite, mode),
                          size - first);
  }
}

std::byte* Cpu::host_address(std::uint64_t linear, unsigned size, Access access) {
  const auto address = try_host_address(linear, size, access);
  if (!address) throw address.error();
  return *address;
}

std::expected<std::byte*, Fault> Cpu::try_host_address(std::uint64_t linear, unsigned size,
                                                       Access access) {
  if (lockstep_ != nullptr) return nullptr;
  const TlbEntry& entry = tlb_.entry(access_mode_, linear);
  const std::uint64_t& tag = access == Access::kWrite ? entry.write_tag : entry.read_tag;
  if (!TlbEntry::hits(linear ^ tag, size)) {
    if (access_mode_ == AccessMode::kChecked || crosses_page(linear, size)) return nullptr;
    if (const auto found = try_lookup(linear, access, access_mode_); !found) {
      return std::unexpected(found.error());
    }
    if (!TlbEntry::hits(linear ^ tag, size)) return nullptr;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): what is added to a tag may be no address by itself
  return reinterpret_cast<std::byte*>(entry.host + (linear ^ tag));
}

std::optional<GuardedPlace> Cpu::guarded_place(std::uint64_t linear, unsigned size) {
  if (lockstep_ != nullptr || crosses_page(linear, size)) return std::nullopt;
  const GuestPhysical address = translate(linear, Access::kWrite, access_mode_);
  const memory::Region* region = memory_.find(address);
  if (region == nullptr || region->kind != memory::RegionKind::kRam) return std::nullopt;
  return GuardedPlace{memory_.host_page(address) + address.value() % kPageSize, address};
}

std::unique_lock<std::mutex> Cpu::hold_split_lock(bool locked, std::uint64_t linear,
                                                  unsigned size) {
  if (!locked || !crosses_page(linear, size)) return {};
  return std::unique_lock(code_pages_.split_lock());
}

std::uint64_t Cpu::request_drop() {
  // This side: request, attention, then is it running? The other: running, then requests. In one
  // total order, either we see it running and wait for its answer, or it sees the request before it
  // executes anything.
  const std::uint64_t ticket = drops_requested_.fetch_add(1) + 1;
  attention_.store(true);
  return ticket;
}

bool Cpu::owes_drop(std::uint64_t ticket) const {
  return running_.load() && drops_served_.load() < ticket;
}

void Cpu::drop_write_permissions_for(Cpu& requester) {
  const std::uint64_t ticket = request_drop();
  while (owes_drop(ticket)) requester.serve_write_permission_drops();
}

void Cpu::drop_write_permissions() {
  const std::uint64_t ticket = request_drop();
  while (owes_drop(ticket)) std::this_thread::yield();
}

void Cpu::serve_write_permission_drops() {
  const std::uint64_t requested = drops_requested_.load();
  if (drops_served_.load(std::memory_order_relaxed) == requested) {
    __builtin_ia32_pause();
    return;
  }
  tlb_.flush_all_writes();
  drops_served_.store(requested);
}

}  // namespace orrery::hypervisor::soft
