// INVLPG and INVPCID (SDM vol. 2; vol. 3A, 4.10.4.1).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"
#include "x86/cpuid_features.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Exception;

// The operand's linear address is only named, not accessed: no limit is checked, and one that is
// not canonical does nothing.
void invalidate_page(Cpu& cpu, const Instruction& i) {
  require_privilege_0(cpu);
  const x86::Segment& segment = cpu.state.segments[i.segment];
  const bool has_base =
      !cpu.code_64bit() || i.segment >= static_cast<unsigned>(x86::SegmentRegister::kFs);
  const std::uint64_t base = has_base ? segment.base : 0;
  const std::uint64_t linear = cut_linear(cpu, base + cpu.effective_offset(i));
  if (Cpu::is_canonical(linear)) cpu.flush_tlb_page(linear);
}

enum class Invalidation : std::uint8_t {
  kAddress,
  kContext,
  kAllIncludingGlobal,
  kAllContexts,
};
constexpr std::uint64_t kInvalidations = 4;

struct PcidDescriptor {
  std::uint64_t pcid;
  std::uint64_t linear;
};

void check_descriptor(Cpu& cpu, Invalidation type, const PcidDescriptor& descriptor) {
  const bool pcids_enabled = (cpu.state.cr4 & x86::cr4::kPcid) != 0;
  const bool names_pcid = type == Invalidation::kAddress || type == Invalidation::kContext;
  const bool bad_pcid = descriptor.pcid > x86::cr3::kPcidMask ||
                        (names_pcid && !pcids_enabled && descriptor.pcid != 0);
  const bool bad_address = type == Invalidation::kAddress && !Cpu::is_canonical(descriptor.linear);
  if (bad_pcid || bad_address) cpu.raise(Exception::kGeneralProtection, 0);
}

void invalidate(Cpu& cpu, Invalidation type, const PcidDescriptor& descriptor) {
  switch (type) {
    case Invalidation::kAddress:
      // Of another address space, one page is not worth looking for.
      if (descriptor.pcid == cpu.current_pcid()) {
        cpu.flush_tlb_page(descriptor.linear);
      } else {
        cpu.forget_address_space(descriptor.pcid);
      }
      break;
    case Invalidation::kContext: cpu.forget_address_space(descriptor.pcid); break;
    case Invalidation::kAllIncludingGlobal: cpu.flush_tlb(); break;
    case Invalidation::kAllContexts: cpu.forget_address_spaces(); break;
  }
}

template <typename T>
void invalidate_process_context(Cpu& cpu, const Instruction& i) {
  if (!x86::has_feature(cpu.cpuid, x86::cpuid::kInvpcid)) cpu.raise(Exception::kInvalidOpcode);
  require_privilege_0(cpu);
  const T type = cpu.reg<T>(i.destination);
  if (type >= kInvalidations) cpu.raise(Exception::kGeneralProtection, 0);
  const PcidDescriptor descriptor{cpu.load<std::uint64_t>(i), cpu.load<std::uint64_t>(i, 8)};
  check_descriptor(cpu, static_cast<Invalidation>(type), descriptor);
  invalidate(cpu, static_cast<Invalidation>(type), descriptor);
}

bool select_invalidate_page(const Decoded& decoded, Instruction& record) {
  if (!is_memory(decoded, 0)) return false;
  record.handler = &leave<invalidate_page>;
  return true;
}

bool select_invalidate_process_context(const Decoded& decoded, Instruction& record) {
  if (!is_memory(decoded, 1)) return false;
  fill_registers(decoded, record);
  record.handler = decoded.code_size == CodeSize::k64
                       ? &leave<invalidate_process_context<std::uint64_t>>
                       : &leave<invalidate_process_context<std::uint32_t>>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_INVLPG, select_invalidate_page, Ends::kBlock},
    {ZYDIS_MNEMONIC_INVPCID, select_invalidate_process_context, Ends::kBlock},
};

}  // namespace

std::span<const Row> translation_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
