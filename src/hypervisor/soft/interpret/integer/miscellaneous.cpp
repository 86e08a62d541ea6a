// Flag instructions (CLC, STC, CMC, CLD, STD, LAHF, SAHF, SALC), fences, hints, NOP, and the
// instructions that are always undefined (SDM vol. 2).
#include <atomic>
#include <thread>

#include "hypervisor/soft/interpret/integer/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

using namespace x86::rflags;

inline constexpr std::uint8_t kAl = register_offset(0);
inline constexpr std::uint8_t kAh = register_offset(0) + 1;
inline constexpr std::uint64_t kInAh = kSign | kZero | kAdjust | kParity | kCarry;

template <bool value>
void execute_set_carry(Cpu& cpu, const Instruction&) {
  cpu.flags.set_carry(value);
}

void execute_cmc(Cpu& cpu, const Instruction&) {
  cpu.flags.set_carry(!cpu.flags.carry());
}

template <bool value>
void execute_set_direction(Cpu& cpu, const Instruction&) {
  cpu.state.rflags = (cpu.state.rflags & ~kDirection) | (value ? kDirection : 0);
}

void execute_lahf(Cpu& cpu, const Instruction&) {
  cpu.set_reg<std::uint8_t>(kAh,
                            static_cast<std::uint8_t>((cpu.flags.bits() & kInAh) | kAlwaysOne));
}

void execute_sahf(Cpu& cpu, const Instruction&) {
  cpu.flags.set_bits((cpu.flags.bits() & kOverflow) | (cpu.reg<std::uint8_t>(kAh) & kInAh));
}

void execute_salc(Cpu& cpu, const Instruction&) {
  cpu.set_reg<std::uint8_t>(kAl, cpu.flags.carry() ? 0xff : 0);
}

// Hints need nothing here, and access no memory whatever their operand says.
void execute_nothing(Cpu&, const Instruction&) {}

// A processor that waits in a loop may wait for one whose host thread does not run. Locks are
// mostly held for less than a microsecond, which 64 turns of such a loop take.
void execute_pause(Cpu&, const Instruction&) {
  constexpr unsigned kTurnsUntilYield = 64;
  thread_local unsigned turns = 0;
  if (++turns % kTurnsUntilYield == 0) std::this_thread::yield();
}

// Host loads and stores of a guest are ordered as the guest's own; only what MFENCE adds to that
// must be done.
void execute_fence(Cpu&, const Instruction&) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

// CLFLUSH needs no flush, but faults as a load of its byte does.
void execute_clflush(Cpu& cpu, const Instruction& i) {
  static_cast<void>(cpu.load<std::uint8_t>(i));
}

void execute_undefined(Cpu& cpu, const Instruction&) {
  cpu.raise(x86::Exception::kInvalidOpcode);
}

template <auto body>
bool select_calm(const Decoded&, Instruction& record) {
  return take(record, &step_calmly<body>);
}

template <auto body>
bool select_faulting(const Decoded&, Instruction& record) {
  return take(record, &step<body>);
}

}  // namespace

std::span<const Row> miscellaneous_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_CLC, select_calm<execute_set_carry<false>>},
      {ZYDIS_MNEMONIC_STC, select_calm<execute_set_carry<true>>},
      {ZYDIS_MNEMONIC_CMC, select_calm<execute_cmc>},
      {ZYDIS_MNEMONIC_CLD, select_calm<execute_set_direction<false>>},
      {ZYDIS_MNEMONIC_STD, select_calm<execute_set_direction<true>>},
      {ZYDIS_MNEMONIC_LAHF, select_calm<execute_lahf>},
      {ZYDIS_MNEMONIC_SAHF, select_calm<execute_sahf>},
      {ZYDIS_MNEMONIC_SALC, select_calm<execute_salc>},
      {ZYDIS_MNEMONIC_NOP, select_calm<execute_nothing>},
      {ZYDIS_MNEMONIC_PAUSE, select_calm<execute_pause>},
      {ZYDIS_MNEMONIC_PREFETCH, select_calm<execute_nothing>},
      {ZYDIS_MNEMONIC_PREFETCHW, select_calm<execute_nothing>},
      {ZYDIS_MNEMONIC_PREFETCHWT1, select_calm<execute_nothing>},
      {ZYDIS_MNEMONIC_PREFETCHNTA, select_calm<execute_nothing>},
      {ZYDIS_MNEMONIC_PREFETCHT0, select_calm<execute_nothing>},
      {ZYDIS_MNEMONIC_PREFETCHT1, select_calm<execute_nothing>},
      {ZYDIS_MNEMONIC_PREFETCHT2, select_calm<execute_nothing>},
      {ZYDIS_MNEMONIC_LFENCE, select_calm<execute_fence>},
      {ZYDIS_MNEMONIC_SFENCE, select_calm<execute_fence>},
      {ZYDIS_MNEMONIC_MFENCE, select_calm<execute_fence>},
      {ZYDIS_MNEMONIC_CLFLUSH, select_faulting<execute_clflush>},
      {ZYDIS_MNEMONIC_UD0, select_faulting<execute_undefined>},
      {ZYDIS_MNEMONIC_UD1, select_faulting<execute_undefined>},
      {ZYDIS_MNEMONIC_UD2, select_faulting<execute_undefined>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
