// What a vCPU forgets when the guest's mappings change, and what it keeps when its address space
// does (SDM vol. 3A, 4.10).
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/translate/translator.hpp"
#include "x86/control_registers.hpp"

namespace orrery::hypervisor::soft {

void Cpu::flush_tlb() {
  tlb_.flush_all();
  mapping_changed();
}

void Cpu::flush_tlb_non_global() {
  tlb_.flush_non_global();
  local_mapping_changed({new_generation(), new_generation()});
}

void Cpu::flush_tlb_page(std::uint64_t linear) {
  if (tlb_.flush_page(linear) == Tlb::Flushed::kPage) return page_mapping_changed(linear);
  mapping_changed();
}

void Cpu::forget_address_space(std::uint64_t pcid) {
  if (pcid == current_pcid()) return flush_tlb_non_global();
  spaces_.forget(pcid);
}

void Cpu::forget_address_spaces() {
  spaces_.forget_all();
  flush_tlb_non_global();
}

void Cpu::load_address_space(std::uint64_t cr3, bool keeps) {
  const std::uint64_t left = current_pcid();
  state.cr3 = cr3;
  const std::uint64_t entered = current_pcid();
  ++statistics.address_space_loads;
  if (!paging_.tags || entered == left) return flush_tlb_non_global();
  leave_address_space(left);
  if (!keeps) spaces_.forget(entered);
  enter_address_space(entered);
}

void Cpu::leave_address_space(std::uint64_t pcid) {
  AddressSpaces::Space& space = spaces_.place_for(pcid);
  tlb_.take_local(space.entries, AddressSpaces::kMostEntries);
  if (translator_ != nullptr) translator_->take_local_pages(space.pages);
  space.write_flushes = tlb_.write_flushes();
  space.page_changes = page_changes_;
  space.fetch_base = fetch_base_;
  space.generations = generations_;
  space.known = true;
}

// The TLB has no entries but of global pages.
void Cpu::enter_address_space(std::uint64_t pcid) {
  const AddressSpaces::Space* space = spaces_.find(pcid);
  if (space == nullptr) return local_mapping_changed({new_generation(), new_generation()});
  ++statistics.address_spaces_kept;
  tlb_.put_local(space->entries, space->write_flushes == tlb_.write_flushes());
  FetchGenerations generations = space->generations;
  // Decoded blocks do not tell whether they lie in a global page, of which one may have changed.
  if (space->page_changes != page_changes_ || space->fetch_base != fetch_base_) {
    generations.fetch = new_generation();
  }
  local_mapping_changed(generations);
  if (translator_ != nullptr) translator_->put_local_pages(space->pages);
}

void Cpu::forget_translated_pages() {
  for (auto& id : translation_.page_ids) id.store(0, std::memory_order_relaxed);
}

// Global pages are mapped as before; all others as GENERATIONS were found.
void Cpu::local_mapping_changed(const FetchGenerations& generations) {
  tables_.forget();
  generations_ = generations;
  set_fetch_context();
  if (translator_ != nullptr) translator_->forget_local_pages();
}

// Only the page of 4 KiB at LINEAR, global or not.
void Cpu::page_mapping_changed(std::uint64_t linear) {
  tables_.forget();
  ++page_changes_;
  generations_.fetch = new_generation();
  set_fetch_context();
  fetch_page_slot(linear).context = 0;
  for (unsigned mode = 0; mode < kAccessModes; ++mode) {
    const std::size_t slot = translate::page_slot(linear, static_cast<AccessMode>(mode));
    translation_.page_ids[slot].store(0, std::memory_order_relaxed);
  }
}

// All that is known of any address space.
void Cpu::mapping_changed() {
  tables_.forget();
  spaces_.forget_all();
  generations_ = {new_generation(), new_generation()};
  global_generation_ = new_generation();
  set_fetch_context();
  if (translator_ != nullptr) forget_translated_pages();
}

}  // namespace orrery::hypervisor::soft
