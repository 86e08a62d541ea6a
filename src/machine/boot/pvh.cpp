#include "machine/boot/pvh.hpp"

#include "base/format.hpp"
#include "machine/boot/layout.hpp"
#include "machine/boot/start_state.hpp"

namespace orrery::machine::boot {
namespace {

constexpr std::uint32_t kPhys32Entry = 18;  // XEN_ELFNOTE_PHYS32_ENTRY
constexpr GuestPhysical kLowStructuresEnd{0x9'0000};
constexpr GuestPhysical kModulesEnd{0x8000'0000};  // 32-bit kernels reach no more

// Xen: xen/include/public/arch-x86/hvm/start_info.h.
struct StartInfo {
  static constexpr std::uint32_t kMagic = 0x336e'c578;
  std::uint32_t magic = kMagic;
  std::uint32_t version = 1;  // with memory map
  std::uint32_t flags = 0;
  std::uint32_t nr_modules = 0;
  std::uint64_t modlist_paddr = 0;
  std::uint64_t cmdline_paddr = 0;
  std::uint64_t rsdp_paddr = 0;
  std::uint64_t memmap_paddr = 0;
  std::uint32_t memmap_entries = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(StartInfo) == 56);

struct ModuleEntry {
  std::uint64_t paddr = 0;
  std::uint64_t size = 0;
  std::uint64_t cmdline_paddr = 0;
  std::uint64_t reserved = 0;
};
static_assert(sizeof(ModuleEntry) == 32);

struct MemoryMapEntry {
  std::uint64_t addr = 0;
  std::uint64_t size = 0;
  std::uint32_t type = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(MemoryMapEntry) == 24);

Result<std::uint64_t> entry_of(const ElfFile& file) {
  const auto note = file.find_note("Xen", kPhys32Entry);
  if (!note || (note->size() != 4 && note->size() != 8)) {
    return fail("no usable PVH note (XEN_ELFNOTE_PHYS32_ENTRY); build the kernel with CONFIG_PVH");
  }
  return note->size() == 4 ? load_le<std::uint32_t>(note->data())
                           : load_le<std::uint64_t>(note->data());
}

template <typename Entry>
Result<std::uint64_t> place_table(Layout& layout, const std::vector<Entry>& table,
                                  std::string_view what) {
  const std::uint64_t size = table.size() * sizeof(Entry);
  ORRERY_TRY(const GuestPhysical place, layout.place_below(kLowStructuresEnd, size, what));
  layout.copy(place, as_bytes(table.data(), size));
  return place.value();
}

Result<> place_modules(Layout& layout, const std::vector<Image>& modules, StartInfo& info) {
  if (modules.empty()) return {};
  std::vector<ModuleEntry> entries;
  for (const Image& module : modules) {
    ORRERY_TRY(const GuestPhysical place,
               layout.place_below(std::min(kModulesEnd, layout.destination().map.usable_low_end()),
                                  module.bytes.size(), "the module " + module.name));
    layout.copy(place, module.bytes);
    entries.push_back({.paddr = place.value(), .size = module.bytes.size()});
  }
  ORRERY_TRY(info.modlist_paddr, place_table(layout, entries, "the module list"));
  info.nr_modules = static_cast<std::uint32_t>(entries.size());
  return {};
}

Result<> place_memory_map(Layout& layout, StartInfo& info) {
  std::vector<MemoryMapEntry> entries;
  for (const Range& range : layout.destination().map.ranges()) {
    entries.push_back({.addr = range.start.value(),
                       .size = range.size.value(),
                       .type = static_cast<std::uint32_t>(range.kind)});
  }
  ORRERY_TRY(info.memmap_paddr, place_table(layout, entries, "the memory map"));
  info.memmap_entries = static_cast<std::uint32_t>(entries.size());
  return {};
}

}  // namespace

bool is_pvh(const ElfFile& file) {
  return file.find_note("Xen", kPhys32Entry).has_value();
}

Result<x86::CpuState> load_pvh(const Destination& destination, const Payload& payload) {
  ORRERY_TRY(const ElfFile file, parse_elf(payload.kernel.bytes));
  ORRERY_TRY(const std::uint64_t entry, entry_of(file));
  Layout layout(destination);
  ORRERY_CHECK(load_segments(layout, file));

  StartInfo info;
  info.rsdp_paddr = destination.rsdp.value();
  ORRERY_CHECK(place_modules(layout, payload.modules, info));
  ORRERY_CHECK(place_memory_map(layout, info));
  const std::string& text = payload.command_line;
  ORRERY_TRY(const GuestPhysical command_line,
             layout.place_below(kLowStructuresEnd, text.size() + 1, "the command line"));
  layout.copy(command_line, as_bytes(text.c_str(), text.size() + 1));
  info.cmdline_paddr = command_line.value();
  ORRERY_TRY(const GuestPhysical place,
             layout.place_below(kLowStructuresEnd, sizeof info, "the PVH start information"));
  layout.copy(place, as_bytes(&info, sizeof info));

  if (entry > 0xffff'ffff) {
    return fail(
        format("the PVH entry {:#x} lies above 4 GiB, but is entered in 32-bit mode", entry));
  }
  ORRERY_TRY(x86::CpuState state, protected_mode_state(layout, GuestPhysical(entry)));
  state[x86::Gpr::kRbx] = place.value();
  return state;
}

}  // namespace orrery::machine::boot
