#include "machine/boot/start_state.hpp"

#include <array>

namespace orrery::machine::boot {
namespace {

using x86::Segment;
using x86::SegmentAttributes;
using x86::SegmentRegister;

constexpr std::uint32_t kFlatLimit = 0xffff'ffff;
constexpr SegmentAttributes kCode64{0xa09b};  // G, L, present, execute/read, accessed
constexpr SegmentAttributes kCode32{0xc09b};  // G, D, present, execute/read, accessed
constexpr SegmentAttributes kData32{0xc093};  // G, B, present, read/write, accessed
constexpr SegmentAttributes kBusyTss{0x008b};
constexpr std::uint32_t kTssLimit = 0x67;

// Boot tables go to conventional memory, below what real-mode code uses of it by custom.
constexpr GuestPhysical kBootTablesEnd{0x9'0000};

// A descriptor-table entry of a segment with base 0 (SDM vol. 3A, 3.4.5).
constexpr std::uint64_t descriptor(SegmentAttributes attributes, std::uint32_t limit) {
  const std::uint64_t field = attributes.is_granular() ? limit >> 12 : limit;
  return (field & 0xffff) | ((field >> 16) << 48) | (std::uint64_t{attributes.raw()} << 40);
}

Result<> set_segments(Layout& layout, x86::CpuState& state, SegmentAttributes code) {
  const std::array<std::uint64_t, 5> gdt{0, 0, descriptor(code, kFlatLimit),
                                         descriptor(kData32, kFlatLimit),
                                         descriptor(kBusyTss, kTssLimit)};
  ORRERY_TRY(const GuestPhysical table,
             layout.place_below(kBootTablesEnd, sizeof gdt, "the boot GDT"));
  layout.copy(table, as_bytes(gdt.data(), sizeof gdt));
  for (Segment& segment : state.segments) segment = {kBootData, kData32, kFlatLimit, 0};
  state[SegmentRegister::kCs] = {kBootCode, code, kFlatLimit, 0};
  state.tr = {kBootTask, kBusyTss, kTssLimit, 0};
  state.ldtr = {};
  state.gdtr = {table.value(), sizeof gdt - 1};
  state.idtr = {0, 0};
  return {};
}

// PML4, one page-directory-pointer table and four page directories of 2 MiB pages, in this order.
Result<GuestPhysical> write_identity_tables(Layout& layout) {
  constexpr std::uint64_t kPresentWritable = 0b11;
  constexpr std::uint64_t kLargePage = 1u << 7;
  constexpr unsigned kEntries = 512;
  constexpr unsigned kDirectories = 4;
  std::vector<std::uint64_t> tables((2 + kDirectories) * kEntries);
  const std::uint64_t size = tables.size() * sizeof tables[0];
  ORRERY_TRY(const GuestPhysical base,
             layout.place_below(kBootTablesEnd, size, "the boot page tables"));
  tables[0] = (base.value() + kPageSize) | kPresentWritable;
  for (unsigned i = 0; i < kDirectories; ++i) {
    tables[kEntries + i] = (base.value() + (2 + i) * kPageSize) | kPresentWritable;
  }
  for (std::uint64_t i = 0; i < kDirectories * kEntries; ++i) {
    tables[2 * kEntries + i] = (i * 2_MiB) | kPresentWritable | kLargePage;
  }
  layout.copy(base, as_bytes(tables.data(), size));
  return base;
}

}  // namespace

Result<x86::CpuState> long_mode_state(Layout& layout, GuestPhysical entry) {
  x86::CpuState state = x86::reset_state();
  ORRERY_CHECK(set_segments(layout, state, kCode64));
  ORRERY_TRY(const GuestPhysical tables, write_identity_tables(layout));
  state.cr0 = x86::cr0::kProtectionEnable | x86::cr0::kExtensionType | x86::cr0::kNumericError |
              x86::cr0::kWriteProtect | x86::cr0::kPaging;
  state.cr3 = tables.value();
  state.cr4 = x86::cr4::kPhysicalAddressExtension;
  state.efer = x86::efer::kLongModeEnable | x86::efer::kLongModeActive;
  state.gpr = {};
  state.rip = entry.value();
  return state;
}

Result<x86::CpuState> protected_mode_state(Layout& layout, GuestPhysical entry) {
  x86::CpuState state = x86::reset_state();
  ORRERY_CHECK(set_segments(layout, state, kCode32));
  state.cr0 = x86::cr0::kProtectionEnable | x86::cr0::kExtensionType;
  state.gpr = {};
  state.rip = entry.value();
  return state;
}

x86::CpuState real_mode_state(std::uint16_t entry) {
  x86::CpuState state = x86::reset_state();
  Segment& code = state[SegmentRegister::kCs];
  code.selector = 0;
  code.base = 0;
  state.cr0 = x86::cr0::kExtensionType;
  state.gpr = {};
  state[x86::Gpr::kRsp] = entry;
  state.idtr = {0, 0x3ff};
  state.rip = entry;
  return state;
}

}  // namespace orrery::machine::boot
