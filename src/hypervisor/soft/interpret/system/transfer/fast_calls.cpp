// System calls without descriptors: SYSCALL, SYSRET, SYSENTER, SYSEXIT, and SWAPGS (SDM vol. 2;
// vol. 3A, 5.8.7 and 5.8.8).
#include "hypervisor/soft/interpret/system/transfer/fast_calls.hpp"

#include <utility>

#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/privilege.hpp"
#include "hypervisor/soft/interpret/system/segments/code_segment.hpp"
#include "hypervisor/soft/interpret/system/selectors.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace rflags = x86::rflags;
using x86::Exception;
using x86::Gpr;
using x86::SegmentRegister;

constexpr std::uint32_t kFlatLimit = 0xffff'ffff;

// Flat segments with fixed attributes, not read from any table.
x86::Segment flat_code(unsigned selector, unsigned dpl, CodeSize size) {
  constexpr unsigned kPresentExecuteReadAccessed = 0x9b;
  constexpr unsigned kGranular = 0x8000;
  const unsigned width = size == CodeSize::k64 ? 0x2000 : 0x4000;  // L or D
  return {static_cast<std::uint16_t>(selector),
          x86::SegmentAttributes(static_cast<std::uint16_t>(kPresentExecuteReadAccessed |
                                                            kGranular | width | (dpl << 5))),
          kFlatLimit, 0};
}

x86::Segment flat_stack(unsigned selector, unsigned dpl) {
  constexpr unsigned kPresentWriteAccessedBigGranular = 0xc093;
  return {static_cast<std::uint16_t>(selector),
          x86::SegmentAttributes(
              static_cast<std::uint16_t>(kPresentWriteAccessedBigGranular | (dpl << 5))),
          kFlatLimit, 0};
}

void enter_flat(Cpu& cpu, const x86::Segment& code, const x86::Segment& stack, std::uint64_t rip) {
  cpu.state[SegmentRegister::kSs] = stack;
  enter_code(cpu, code, rip);
}
void enter_flat(Cpu& cpu, const FlatSegments& segments, std::uint64_t rip) {
  enter_flat(cpu, segments.code, segments.stack, rip);
}

// An Intel processor has SYSCALL and SYSRET in 64-bit code only.
void require_system_call(Cpu& cpu) {
  if (!cpu.code_64bit() || (cpu.state.efer & x86::efer::kSystemCall) == 0) {
    cpu.raise(Exception::kInvalidOpcode);
  }
}

void system_call(Cpu& cpu, const Instruction& i) {
  require_system_call(cpu);
  cpu.gpr(Gpr::kRcx) = cpu.next_rip(i);
  cpu.gpr(Gpr::kR11) = cpu.rflags();
  cpu.set_rflags(cpu.rflags() & ~cpu.state.msrs.syscall_mask);
  // A single-step trap follows only where TF is still set: kernels mask it, and are not stepped
  // into.
  if ((cpu.state.rflags & rflags::kTrap) == 0) cpu.note_event_delivered();
  enter_flat(cpu, system_call_segments(cpu.state.msrs.star), cpu.state.msrs.lstar);
}

template <CodeSize size>
void system_return(Cpu& cpu, const Instruction&) {
  require_system_call(cpu);
  require_privilege_0(cpu);
  constexpr bool k64 = size == CodeSize::k64;
  // RCX is checked before the privilege changes.
  const std::uint64_t rip = k64 ? cpu.gpr(Gpr::kRcx) : cpu.gpr(Gpr::kRcx) & 0xffff'ffff;
  require_canonical(cpu, rip);
  constexpr std::uint64_t kLoaded = 0x003c'7fd7;  // all but RF and VM
  cpu.set_rflags(cpu.gpr(Gpr::kR11) & kLoaded);
  enter_flat(cpu, system_return_segments(cpu.state.msrs.star, size), rip);
}

unsigned sysenter_selector(Cpu& cpu) {
  const auto selector = static_cast<unsigned>(cpu.state.msrs.sysenter_cs & 0xfffc);
  if (!cpu.state.protected_mode() || selector == 0) cpu.raise(Exception::kGeneralProtection, 0);
  return selector;
}

void system_enter(Cpu& cpu, const Instruction&) {
  const unsigned selector = sysenter_selector(cpu);
  const bool long_mode = cpu.state.long_mode();
  const std::uint64_t mask = long_mode ? ~std::uint64_t{0} : 0xffff'ffff;
  cpu.set_rflags(cpu.rflags() & ~(rflags::kVirtual8086 | rflags::kInterrupt | rflags::kResume));
  cpu.gpr(Gpr::kRsp) = cpu.state.msrs.sysenter_esp & mask;
  enter_flat(cpu, flat_code(selector, 0, long_mode ? CodeSize::k64 : CodeSize::k32),
             flat_stack(selector + 8, 0), cpu.state.msrs.sysenter_eip & mask);
}

template <CodeSize size>
void system_exit(Cpu& cpu, const Instruction&) {
  const unsigned selector = sysenter_selector(cpu);
  require_privilege_0(cpu);
  constexpr bool k64 = size == CodeSize::k64;
  const std::uint64_t mask = k64 ? ~std::uint64_t{0} : 0xffff'ffff;
  const std::uint64_t rsp = cpu.gpr(Gpr::kRcx) & mask;
  const std::uint64_t rip = cpu.gpr(Gpr::kRdx) & mask;
  require_canonical(cpu, rsp);
  require_canonical(cpu, rip);
  const unsigned code = (selector + (k64 ? 32 : 16)) | 3;
  cpu.gpr(Gpr::kRsp) = rsp;
  enter_flat(cpu, flat_code(code, 3, size), flat_stack(code + 8, 3), rip);
}

void swap_gs(Cpu& cpu, const Instruction&) {
  if (!cpu.code_64bit()) cpu.raise(Exception::kInvalidOpcode);
  require_privilege_0(cpu);
  std::swap(cpu.state[SegmentRegister::kGs].base, cpu.state.msrs.kernel_gs_base);
  cpu.segment_bases_changed();
}

// REX.W chooses the return to 64-bit code.
template <auto to_32, auto to_64>
bool select_return(const Decoded& decoded, Instruction& record) {
  const bool wide =
      (decoded.info.attributes & ZYDIS_ATTRIB_HAS_REX) != 0 && decoded.info.raw.rex.W != 0;
  record.handler = wide ? &leave<to_64> : &leave<to_32>;
  return true;
}

bool select_swap_gs(const Decoded&, Instruction& record) {
  record.handler = &step<swap_gs>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_SYSCALL, select_leave<system_call>, Ends::kBlock},
    {ZYDIS_MNEMONIC_SYSRET,
     select_return<system_return<CodeSize::k32>, system_return<CodeSize::k64>>, Ends::kBlock},
    {ZYDIS_MNEMONIC_SYSENTER, select_leave<system_enter>, Ends::kBlock},
    {ZYDIS_MNEMONIC_SYSEXIT, select_return<system_exit<CodeSize::k32>, system_exit<CodeSize::k64>>,
     Ends::kBlock},
    {ZYDIS_MNEMONIC_SWAPGS, select_swap_gs},
};

}  // namespace

FlatSegments system_call_segments(std::uint64_t star) {
  const auto selector = static_cast<unsigned>(bits(star, 47, 32)) & ~3u;
  return {flat_code(selector, 0, CodeSize::k64), flat_stack(selector + 8, 0)};
}

FlatSegments system_return_segments(std::uint64_t star, CodeSize size) {
  const auto selector = static_cast<unsigned>(bits(star, 63, 48));
  return {flat_code((selector + (size == CodeSize::k64 ? 16 : 0)) | 3, 3, size),
          flat_stack((selector + 8) | 3, 3)};
}

std::span<const Row> fast_call_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
