// MOV to and from DR0 to DR7, and what breakpoints match (SDM vol. 3B, 17.2; vol. 2, MOV).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/debug.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace dr6 = x86::dr6;
namespace dr7 = x86::dr7;
using x86::CpuState;
using x86::Exception;

constexpr unsigned kBreakpoints = 4;
// Bits that can be changed; the others are fixed as in kReset.
constexpr std::uint64_t kDr6Writable = 0xe00f;
constexpr std::uint64_t kDr7Writable = 0xffff'23ff;

// R/Wn of DR7 (SDM vol. 3B, 17.2.4).
enum class Condition : std::uint8_t { kExecute = 0, kWrite = 1, kPort = 2, kReadWrite = 3 };

bool is_enabled(const CpuState& state, unsigned n) {
  return bits(state.dr7, 2 * n + 1, 2 * n) != 0;
}

Condition condition_of(const CpuState& state, unsigned n) {
  const unsigned low = 16 + 4 * n;
  return static_cast<Condition>(bits(state.dr7, low + 1, low));
}

// LENn: 1, 2, 8 or 4 bytes.
std::uint64_t length_of(const CpuState& state, unsigned n) {
  constexpr std::uint8_t kLengths[] = {1, 2, 8, 4};
  const unsigned low = 18 + 4 * n;
  return kLengths[bits(state.dr7, low + 1, low)];
}

bool overlaps(const CpuState& state, unsigned n, std::uint64_t address, std::uint64_t size) {
  const std::uint64_t length = length_of(state, n);
  const std::uint64_t start = align_down(state.breakpoint_address[n], length);
  return address < start + length && start < address + size;
}

// DR6 bits of the enabled breakpoints for which PREDICATE(n) holds.
template <typename Predicate>
std::uint64_t matching(const CpuState& state, Predicate predicate) {
  std::uint64_t hits = 0;
  for (unsigned n = 0; n < kBreakpoints; ++n) {
    if (is_enabled(state, n) && predicate(n)) hits |= dr6::kBreakpoint0 << n;
  }
  return hits;
}

bool watches_data(const CpuState& state, unsigned n) {
  const Condition condition = condition_of(state, n);
  return condition == Condition::kWrite || condition == Condition::kReadWrite;
}

// ---- MOV

// DR4 and DR5 are DR6 and DR7 unless CR4.DE says that they do not exist.
unsigned existing_register(Cpu& cpu, unsigned number) {
  if (number != 4 && number != 5) return number;
  if ((cpu.state.cr4 & x86::cr4::kDebuggingExtensions) != 0) {
    cpu.raise(Exception::kInvalidOpcode);
  }
  return number + 2;
}

// DR7.GD guards the registers against everyone: a #DB before the access.
void check_access(Cpu& cpu) {
  require_privilege_0(cpu);
  if ((cpu.state.dr7 & dr7::kGeneralDetect) != 0) {
    cpu.state.dr6 |= dr6::kGeneralDetect;
    cpu.raise(Exception::kDebug);
  }
}

void set_debug_register(Cpu& cpu, unsigned number, std::uint64_t value) {
  if (number < kBreakpoints) {
    cpu.state.breakpoint_address[number] = value;
    return;
  }
  if ((value >> 32) != 0) cpu.raise(Exception::kGeneralProtection, 0);
  if (number == 6) {
    cpu.state.dr6 = (dr6::kReset & ~kDr6Writable) | (value & kDr6Writable);
  } else {
    cpu.state.dr7 = (dr7::kReset & ~kDr7Writable) | (value & kDr7Writable);
    cpu.mode_changed();
  }
}

std::uint64_t debug_register(const Cpu& cpu, unsigned number) {
  if (number < kBreakpoints) return cpu.state.breakpoint_address[number];
  return number == 6 ? cpu.state.dr6 : cpu.state.dr7;
}

template <typename T>
void move_to_debug(Cpu& cpu, const Instruction& i) {
  const unsigned number = existing_register(cpu, i.destination);
  check_access(cpu);
  set_debug_register(cpu, number, cpu.reg<T>(i.source));
}

template <typename T>
void move_from_debug(Cpu& cpu, const Instruction& i) {
  const unsigned number = existing_register(cpu, i.source);
  check_access(cpu);
  cpu.set_reg<T>(i.destination, static_cast<T>(debug_register(cpu, number)));
}

}  // namespace

bool has_instruction_breakpoints(const CpuState& state) {
  if ((state.dr7 & dr7::kEnableMask) == 0) return false;
  return matching(state,
                  [&](unsigned n) { return condition_of(state, n) == Condition::kExecute; }) != 0;
}

bool has_data_breakpoints(const CpuState& state) {
  if ((state.dr7 & dr7::kEnableMask) == 0) return false;
  return matching(state, [&](unsigned n) { return watches_data(state, n); }) != 0;
}

std::uint64_t instruction_breakpoints_at(const CpuState& state, std::uint64_t linear) {
  return matching(state, [&](unsigned n) {
    return condition_of(state, n) == Condition::kExecute && state.breakpoint_address[n] == linear;
  });
}

std::uint64_t data_breakpoints_at(const CpuState& state, std::uint64_t linear, unsigned size,
                                  Access access) {
  return matching(state, [&](unsigned n) {
    const bool fits = access == Access::kWrite ? watches_data(state, n)
                                               : condition_of(state, n) == Condition::kReadWrite;
    return fits && overlaps(state, n, linear, size);
  });
}

std::uint64_t port_breakpoints_at(const CpuState& state, std::uint16_t port, Width width) {
  if ((state.cr4 & x86::cr4::kDebuggingExtensions) == 0) return 0;
  return matching(state, [&](unsigned n) {
    return condition_of(state, n) == Condition::kPort && overlaps(state, n, port, bytes_of(width));
  });
}

void check_instruction_breakpoint(Cpu& cpu, std::uint64_t linear) {
  if ((cpu.state.rflags & x86::rflags::kResume) != 0) return;
  const std::uint64_t hits = instruction_breakpoints_at(cpu.state, linear);
  if (hits == 0) return;
  cpu.state.dr6 |= hits;
  cpu.raise(Exception::kDebug);
}

Event debug_trap(Cpu& cpu, std::uint64_t bits) {
  cpu.state.dr6 |= bits;
  return {EventKind::kTrap, static_cast<std::uint8_t>(Exception::kDebug), false, 0};
}

bool select_debug_register_move(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  const bool writes = ZydisRegisterGetClass(decoded.operands[0].reg.value) == ZYDIS_REGCLASS_DEBUG;
  if ((writes ? record.destination : record.source) > 7) return false;
  if (decoded.code_size == CodeSize::k64) {
    record.handler =
        writes ? &leave<move_to_debug<std::uint64_t>> : &leave<move_from_debug<std::uint64_t>>;
  } else {
    record.handler =
        writes ? &leave<move_to_debug<std::uint32_t>> : &leave<move_from_debug<std::uint32_t>>;
  }
  return true;
}

}  // namespace orrery::hypervisor::soft
