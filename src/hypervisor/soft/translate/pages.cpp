// Which page of translated code is at an address now, and what of it is known.
#include <algorithm>
#include <bit>
#include <utility>

#include "base/bits.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft::translate {

const BlockEntry* Translator::find(std::uint64_t rip) {
  const Page* page = page_at(rip);
  if (page == nullptr) return nullptr;
  Known& entry = known(rip);
  if (entry.rip != rip || entry.page_id != page->id) {
    const auto block = page->blocks.find(static_cast<std::uint16_t>(rip % kPageSize));
    const bool is_there = block != page->blocks.end() && block->second.body != 0;
    entry = {rip, is_there ? &block->second : nullptr, page->id};
  }
  return entry.entry;
}

void Translator::add_block(Page& page, std::uint64_t rip, const BlockEntry& entry) {
  const BlockEntry& kept = page.blocks[static_cast<std::uint16_t>(rip % kPageSize)] = entry;
  known(rip) = {rip, kept.body == 0 ? nullptr : &kept, page.id};
}

// The page that RIP is in now. Throws what fetching there throws; nothing for device memory.
Page* Translator::page_at(std::uint64_t rip) {
  if (!can_translate() || !Cpu::is_canonical(rip)) return nullptr;
  const std::uint64_t linear = align_down(rip, kPageSize);
  const std::size_t slot = page_slot(linear, cpu_.access_mode_);
  std::atomic<std::uint32_t>& id = cpu_.translation_.page_ids[slot];
  Page* page = slots_[slot];
  if (page != nullptr && page->linear == linear && page->mode == cpu_.access_mode_ &&
      id.load(std::memory_order_relaxed) == page->id) {
    return page;
  }
  const Cpu::FetchPage& fetched = cpu_.fetch_page(rip);  // #PF names RIP
  const GuestPhysical physical = fetched.physical;
  if (cpu_.memory_.host_page(physical) == nullptr) return nullptr;
  if (page == nullptr || page->linear != linear || page->mode != cpu_.access_mode_ ||
      page->physical != physical) {
    page = find_page(linear, physical);
  }
  if (!page->is_current()) renew(*page);
  slots_[slot] = page;
  if (!fetched.global) local_slots_[slot / 64] |= std::uint64_t{1} << slot % 64;
  // An invalidation raises the version, then zeroes the ids of the pages at that place: either the
  // version or the place is seen.
  id.store(0);
  cpu_.translation_.page_places[slot].store(page_place(physical.value()));
  id.store(page->id);
  if (!page->is_current()) id.store(0);
  return page;
}

// None is local any more.
template <typename Function>
void Translator::for_each_local_slot(Function function) {
  for (std::size_t word = 0; word < local_slots_.size(); ++word) {
    for (std::uint64_t slots = std::exchange(local_slots_[word], 0); slots != 0;
         slots &= slots - 1) {
      function(word * 64 + static_cast<std::size_t>(std::countr_zero(slots)));
    }
  }
}

void Translator::forget_local_pages() {
  for_each_local_slot([this](std::size_t slot) {
    cpu_.translation_.page_ids[slot].store(0, std::memory_order_relaxed);
  });
}

void Translator::take_local_pages(std::vector<LocalPage>& to) {
  for_each_local_slot([this, &to](std::size_t slot) {
    const std::uint32_t id =
        cpu_.translation_.page_ids[slot].exchange(0, std::memory_order_relaxed);
    if (id != 0) to.push_back({slots_[slot], id, static_cast<std::uint16_t>(slot)});
  });
}

// As page_at() does it, one fence for all: either the version or the place is seen. After clear()
// there are no such pages; first_id_ tells ids from before.
void Translator::put_local_pages(std::span<const LocalPage> pages) {
  State& state = cpu_.translation_;
  for (const LocalPage& local : pages) {
    if (local.id < first_id_) continue;
    slots_[local.slot] = local.page;
    local_slots_[local.slot / 64] |= std::uint64_t{1} << local.slot % 64;
    state.page_places[local.slot].store(page_place(local.page->physical.value()),
                                        std::memory_order_relaxed);
    state.page_ids[local.slot].store(local.id, std::memory_order_relaxed);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (const LocalPage& local : pages) {
    if (local.id < first_id_ || (local.page->id == local.id && local.page->is_current())) continue;
    state.page_ids[local.slot].store(0, std::memory_order_relaxed);
  }
}

Page* Translator::find_page(std::uint64_t linear, GuestPhysical physical) {
  const PageKey key{linear, physical.value(), cpu_.access_mode_};
  std::unique_ptr<Page>& entry = pages_[key];
  if (entry == nullptr) {
    const CodePages::Page& code = cpu_.code_pages_.page(physical);
    entry = std::make_unique<Page>(Page{
        linear, physical, cpu_.access_mode_, next_id_++, code.version.load(), &code.version, {}});
  }
  return entry.get();
}

void Translator::renew(Page& page) {
  page.id = next_id_++;
  page.version = page.current_version->load();
  page.blocks.clear();
  ++page.times_changed;
}

}  // namespace orrery::hypervisor::soft::translate
