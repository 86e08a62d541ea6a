// Access to the descriptor tables and the TSS: how the system instructions find, check and mark
// descriptors (SDM vol. 3A, 3.5, 5.2 to 5.8).
#pragma once

#include <cstdint>
#include <optional>

#include "hypervisor/soft/cpu.hpp"
#include "x86/descriptor.hpp"
#include "x86/tss.hpp"

namespace orrery::hypervisor::soft {

// A descriptor and where it was read from.
struct TableEntry {
  x86::SegmentSelector selector;
  x86::Descriptor descriptor;
  std::uint64_t linear = 0;
};

// Raises EXCEPTION with SELECTOR as its error code.
[[noreturn]] inline void raise_selector(Cpu& cpu, x86::Exception exception,
                                        x86::SegmentSelector selector) {
  cpu.raise(exception, selector.error_code());
}

// The first eight bytes of the descriptor; nothing where the selector is beyond its table. The
// selector is not null.
std::optional<TableEntry> find_descriptor(Cpu& cpu, x86::SegmentSelector selector);

// The same; a null selector or one beyond its table is EXCEPTION with it as error code.
TableEntry fetch_descriptor(Cpu& cpu, x86::SegmentSelector selector, x86::Exception exception);

// In IA-32e mode, adds the second half of an LDT, TSS or call gate; EXCEPTION where it lies beyond
// the table or its type field is not 0.
void fetch_high_half(Cpu& cpu, TableEntry& entry, x86::Exception exception);

// Sets the accessed bit of a code or data descriptor in its table.
void mark_accessed(Cpu& cpu, const TableEntry& entry);

enum class Busy : std::uint8_t { kNo, kYes };
// Sets or clears the busy bit of a TSS descriptor in its table.
void mark_tss(Cpu& cpu, std::uint64_t descriptor_linear, Busy busy);

// Whether SIZE bytes at OFFSET are within the segment's limit, expand-down ones included (SDM vol.
// 3A, 5.3).
bool within_limit(const x86::Segment& segment, std::uint64_t offset, unsigned size);

// OFFSET within a segment that may not be loaded yet, as a linear address, without checks.
std::uint64_t linear_in(const Cpu& cpu, const x86::Segment& segment, std::uint64_t offset);

// A linear address as the processor forms it for its own accesses: cut to 32 bits outside of IA-32e
// mode.
std::uint64_t cut_linear(const Cpu& cpu, std::uint64_t linear);

template <typename T>
T read_system(Cpu& cpu, std::uint64_t linear) {
  return cpu.read_as<T>(cut_linear(cpu, linear), AccessMode::kSupervisor);
}
template <typename T>
void write_system(Cpu& cpu, std::uint64_t linear, T value) {
  cpu.write_as<T>(cut_linear(cpu, linear), value, AccessMode::kSupervisor);
}

inline x86::Segment& segment_of(Cpu& cpu, x86::SegmentRegister reg) {
  return cpu.state[reg];
}

// What a segment register holds in real-address and virtual-8086 mode (SDM vol. 3A, 20.1.1 and
// 20.2.1). Real mode keeps the limit and the size bit of what was there before.
x86::Segment real_mode_segment(const Cpu& cpu, x86::SegmentRegister reg, std::uint16_t selector);
x86::Segment virtual_8086_segment(std::uint16_t selector);

// A segment register that a null selector was loaded into.
inline x86::Segment null_segment(x86::SegmentSelector selector) {
  return {selector.raw(), x86::SegmentAttributes(0), 0, 0};
}
// The same for SS, whose DPL is the CPL even then.
x86::Segment null_stack_segment(x86::SegmentSelector selector, unsigned cpl);

// Whether segmentation works with selectors in tables: protected mode and not virtual-8086.
inline bool uses_descriptors(const Cpu& cpu) {
  return cpu.state.protected_mode() && !cpu.state.virtual_8086();
}

// #UD unless in protected mode proper: LLDT, LTR, LAR and their like.
inline void require_descriptors(Cpu& cpu) {
  if (!uses_descriptors(cpu)) cpu.raise(x86::Exception::kInvalidOpcode);
}

// #GP(0) unless at privilege level 0.
inline void require_privilege_0(Cpu& cpu) {
  if (cpu.cpl() != 0) cpu.raise(x86::Exception::kGeneralProtection, 0);
}

}  // namespace orrery::hypervisor::soft
