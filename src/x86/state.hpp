// The full architectural state of one logical processor, as one named structure: what a hypervisor
// gets and sets, and what is saved. Layouts follow the SDM's names; nothing in here belongs to an
// engine.
#pragma once

#include <array>
#include <cstdint>

#include "x86/control_registers.hpp"
#include "x86/flags.hpp"
#include "x86/segment.hpp"

namespace orrery::x86 {

// General-purpose registers in the order of the machine's encoding.
enum class Gpr : std::uint8_t {
  kRax,
  kRcx,
  kRdx,
  kRbx,
  kRsp,
  kRbp,
  kRsi,
  kRdi,
  kR8,
  kR9,
  kR10,
  kR11,
  kR12,
  kR13,
  kR14,
  kR15
};
inline constexpr unsigned kGprs = 16;

// A double-extended value as it lies in memory (SDM vol. 1, 4.2.2): 64-bit significand with
// explicit integer bit.
struct Float80 {
  std::uint64_t significand = 0;
  std::uint16_t sign_exponent = 0;

  friend bool operator==(const Float80&, const Float80&) = default;
};

// The x87 unit. Registers are numbered physically; ST(i) is registers[(top + i) & 7]. An MMX
// register MMi is the significand of registers[i].
struct X87 {
  std::array<Float80, 8> registers{};
  std::uint16_t control = 0x037f;
  std::uint16_t status = 0;  // TOP in bits 13..11
  std::uint8_t valid =
      0;  // abridged tag word as FXSAVE stores it: bit i set = register i not empty
  std::uint16_t last_opcode = 0;       // FOP, 11 bits
  std::uint64_t last_instruction = 0;  // FIP
  std::uint16_t last_instruction_selector = 0;
  std::uint64_t last_operand = 0;  // FDP
  std::uint16_t last_operand_selector = 0;

  friend bool operator==(const X87&, const X87&) = default;
};

// A vector register; 64-bit lanes, lane 0 is the low one. XMMi is lanes 0..1.
using Vector = std::array<std::uint64_t, 4>;

// Model-specific registers that are plain storage to the rest of the machine (SDM vol. 4).
struct Msrs {
  std::uint64_t star = 0;
  std::uint64_t lstar = 0;
  std::uint64_t cstar = 0;
  std::uint64_t syscall_mask = 0;  // IA32_FMASK
  std::uint64_t kernel_gs_base = 0;
  std::uint64_t tsc_aux = 0;
  std::uint64_t sysenter_cs = 0;
  std::uint64_t sysenter_esp = 0;
  std::uint64_t sysenter_eip = 0;
  std::uint64_t pat = 0x0007'0406'0007'0406;
  std::uint64_t misc_enable = 1;  // fast strings
  // Enabled, write-back: as firmware leaves it, whose part the machine's loaders play. (At power-up
  // it is 0.)
  std::uint64_t mtrr_default_type = 0x806;
  std::array<std::uint64_t, 11> mtrr_fixed{};
  std::array<std::uint64_t, 16> mtrr_variable{};  // base and mask alternating
  std::uint64_t tsc_adjust = 0;                   // added to the machine's time-stamp counter
  std::uint64_t spec_ctrl = 0;

  friend bool operator==(const Msrs&, const Msrs&) = default;
};

// What the processor does between instructions (SDM vol. 3A, 8.4.3 and 9.1).
enum class Activity : std::uint8_t { kRunning, kHalted, kWaitForSipi, kShutdown };

// An event that was being delivered when the processor stopped, and that comes first when it goes
// on. Hypervisors on hardware may stop there.
enum class PendingKind : std::uint8_t { kNone, kException, kInterrupt };

struct PendingEvent {
  PendingKind kind = PendingKind::kNone;
  std::uint8_t vector = 0;
  bool has_error_code = false;
  std::uint32_t error_code = 0;

  friend bool operator==(const PendingEvent&, const PendingEvent&) = default;
};

struct CpuState {
  std::array<std::uint64_t, kGprs> gpr{};
  std::uint64_t rip = 0;
  std::uint64_t rflags = rflags::kAlwaysOne;

  std::array<Segment, kSegmentRegisters> segments{};
  Segment ldtr;
  Segment tr;
  DescriptorTable gdtr;
  DescriptorTable idtr;

  std::uint64_t cr0 = 0;
  std::uint64_t cr2 = 0;
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;
  std::uint64_t efer = 0;
  std::uint64_t xcr0 = xcr0::kX87;
  std::array<std::uint64_t, 4> breakpoint_address{};  // DR0..DR3
  std::uint64_t dr6 = dr6::kReset;
  std::uint64_t dr7 = dr7::kReset;

  X87 x87;
  std::uint32_t mxcsr = 0x1f80;
  std::array<Vector, 16> vectors{};
  Msrs msrs;

  Activity activity = Activity::kRunning;
  bool interrupt_shadow =
      false;                 // after STI, MOV SS, POP SS: no interrupt before the next instruction
  bool nmi_blocked = false;  // from NMI delivery to IRET
  bool nmi_pending = false;
  PendingEvent pending_event;

  std::uint64_t& operator[](Gpr reg) { return gpr[static_cast<unsigned>(reg)]; }
  std::uint64_t operator[](Gpr reg) const { return gpr[static_cast<unsigned>(reg)]; }
  Segment& operator[](SegmentRegister reg) { return segments[static_cast<unsigned>(reg)]; }
  const Segment& operator[](SegmentRegister reg) const {
    return segments[static_cast<unsigned>(reg)];
  }

  bool long_mode() const { return (efer & efer::kLongModeActive) != 0; }
  bool protected_mode() const { return (cr0 & cr0::kProtectionEnable) != 0; }
  bool virtual_8086() const { return (rflags & rflags::kVirtual8086) != 0; }
  bool code_64bit() const {
    return long_mode() && (*this)[SegmentRegister::kCs].attributes.is_long();
  }
  // Current privilege level: DPL of SS (SDM vol. 3A, 5.5); 3 in virtual-8086 mode, 0 in real mode.
  unsigned cpl() const {
    if (!protected_mode()) return 0;
    if (virtual_8086()) return 3;
    return (*this)[SegmentRegister::kSs].attributes.dpl();
  }

  friend bool operator==(const CpuState&, const CpuState&) = default;
};

// The state after power-up or INIT (SDM vol. 3A, table 9-1): real mode, about to fetch from
// FFFF:FFF0.
CpuState reset_state();

// The state after a start-up IPI with this vector: real mode, about to fetch from VECTOR00:0000
// (vol. 3A, 8.4.4).
CpuState startup_state(std::uint8_t vector);

}  // namespace orrery::x86
