// What translated code and the engine say to each other: the part of a vCPU that host code
// addresses (relative to GS) besides the register file and the TLB.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hypervisor/soft/access.hpp"
#include "x86/flags.hpp"

namespace orrery::hypervisor::soft::translate {

// Why translated code came back.
enum class ExitKind : std::uint32_t {
  kNone,       // (of helpers: go on)
  kContinue,   // to next_rip
  kStale,      // to next_rip, through the EntrySite `exit_site`, which refused
  kLink,       // to next_rip, through the jump `exit_site`, which may be linked
  kIndirect,   // to next_rip, by an indirect jump
  kInterpret,  // next_rip has to be executed by the interpreter
  kFault,      // next_rip is the instruction that raised Translator's pending fault
};

// The arithmetic flags as LAHF and SETO AL leave them in AX: bits 15..8 SF ZF 0 AF 0 PF 1 CF, bit 0
// OF.
using FlagsImage = std::uint64_t;

constexpr FlagsImage image_of(std::uint64_t rflags) {
  return (rflags & 0xd5) << 8 | ((rflags & x86::rflags::kOverflow) != 0 ? 1 : 0);
}
constexpr std::uint64_t flags_of(FlagsImage image) {
  return ((image >> 8) & 0xd5) | ((image & 1) != 0 ? x86::rflags::kOverflow : 0);
}

// Which vector registers: none, the XMM registers, or all of the YMM registers.
enum class Vectors : std::uint8_t { kNone, kSse, kAvx };

struct State {
  std::uint64_t next_rip = 0;
  std::uint64_t exit_site = 0;
  FlagsImage flags = 0;          // the guest's, when code is entered and left
  FlagsImage saved_flags = 0;    // within a block, while host flags are used for something else
  std::uint64_t scratch = 0;     // of one instruction
  std::uint64_t gate_first = 0;  // a gate's arguments while it saves registers
  std::uint64_t gate_second = 0;

  // Instructions until the vCPU has to look where it is (Cpu::set_horizon()); below 0: now. The
  // interpreter counts down, and translated code where Options::counted says so.
  std::int64_t countdown = 0;
  // Of the translated block that is being executed or has just been left: instructions that have
  // retired and are not counted down yet.
  std::uint32_t partial = 0;

  // Which vector registers of the guest, and MXCSR, are in the host's registers.
  Vectors vectors_loaded = Vectors::kNone;
  // Which may be used without a fault, and without an exception of MXCSR's that could occur. Does
  // not change while code is executed, and all that is allowed is loaded together.
  Vectors vectors_allowed = Vectors::kNone;
  // The guest's x87 unit is in the host's (host_x87.hpp).
  std::uint8_t x87_loaded = 0;
  std::uint32_t host_mxcsr = 0;

  // The other side of SYSCALL and SYSRET: what they load, as it follows from the control registers
  // and MSRs (Translator::note_controls()).
  struct Ring {
    std::uint64_t code = 0;       // the first half of an x86::Segment; the base is 0
    std::uint64_t stack = 0;      // the same
    std::uint64_t tlb = 0;        // entries of its access mode
    std::uint32_t indirects = 0;  // bytes from `indirect` to its access mode's
    AccessMode mode = AccessMode::kSupervisor;
  };
  Ring kernel, user;
  // SYSCALL and SYSRET do nothing but what translated code knows.
  std::uint8_t calls_are_plain = 0;
  std::uint8_t returns_are_plain = 0;
  // An interrupt may wait for RFLAGS.IF: what sets that flag has to be executed with care.
  std::uint8_t interrupt_waits = 0;

  // Stands in for memory that cannot be accessed directly.
  alignas(64) std::array<std::byte, 64> bounce{};

  // Which translated page the code of a linear page is now, by page_slot(); 0: not known. Zeroed by
  // any thread; otherwise own thread.
  // As many as a kernel's text has pages: two that are in use at once and share a slot would take
  // it from each other at every call.
  static constexpr std::size_t kPageSlots = 4096;
  std::array<std::atomic<std::uint32_t>, kPageSlots> page_ids{};
  // The low bits of those pages' numbers in guest memory. Written by the own thread before the id.
  std::array<std::atomic<std::uint32_t>, kPageSlots> page_places{};

  // Where indirect jumps lead, per access mode. The code that an entry leads to checks itself
  // whether its page is still the one.
  struct Indirect {
    std::uint64_t rip;
    std::uint64_t code;
  };
  static constexpr std::size_t kIndirects = 16384;
  std::array<std::array<Indirect, kIndirects>, kAccessModes> indirect;  // empty once it is used

  // A slot is empty with an address of another slot in it: 0, but 1 in the slot that 0 has.
  void forget_indirects() {
    indirect = {};
    for (auto& table : indirect) table.front().rip = 1;
  }
};

constexpr std::size_t page_slot(std::uint64_t linear, AccessMode mode) {
  return ((linear >> 12) ^ (static_cast<std::uint64_t>(mode) << 6)) % State::kPageSlots;
}
constexpr std::uint32_t page_place(std::uint64_t physical) {
  return static_cast<std::uint32_t>(physical >> 12);
}
constexpr std::size_t indirect_slot(std::uint64_t rip) {
  return rip % State::kIndirects;
}

}  // namespace orrery::hypervisor::soft::translate
