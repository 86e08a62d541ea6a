// XCHG, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B (SDM vol. 2). A compare-exchange that fails still
// writes back what it read, so the page must be writable.
#include "hypervisor/soft/interpret/integer/arithmetic.hpp"
#include "hypervisor/soft/interpret/integer/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

using x86::Gpr;

// ---- XCHG ---------------------------------------------------------------------------------------

template <typename T, OperandKind destination>
void execute_xchg(Cpu& cpu, const Instruction& i) {
  const T given = cpu.reg<T>(i.source);
  T taken{};
  update_destination<T, destination>(cpu, i, [&](T old) {
    taken = old;
    return given;
  });
  cpu.set_reg<T>(i.source, taken);
}

bool select_xchg(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  if (is_memory(decoded, 1)) record.source = register_field(decoded, 0);
  const bool memory = is_memory(decoded, 0) || is_memory(decoded, 1);
  record.locked = memory;  // with or without the prefix
  return take(record, for_width(width_of(decoded, 0), [&]<typename T>() -> Handler {
                return memory ? &step<execute_xchg<T, OperandKind::kMemory>>
                              : &step_calmly<execute_xchg<T, OperandKind::kRegister>>;
              }));
}

// ---- XADD ---------------------------------------------------------------------------------------

template <typename T, OperandKind destination>
void execute_xadd(Cpu& cpu, const Instruction& i) {
  const T addend = cpu.reg<T>(i.source);
  T old{};
  if constexpr (destination == OperandKind::kMemory) {
    cpu.modify<T>(i, [&](T value) {
      old = value;
      return static_cast<T>(value + addend);
    });
    cpu.set_reg<T>(i.source, old);
  } else {
    // The sum goes last: it wins where both operands are one register.
    old = cpu.reg<T>(i.destination);
    cpu.set_reg<T>(i.source, old);
    cpu.set_reg<T>(i.destination, static_cast<T>(old + addend));
  }
  Add::set_flags(cpu.flags, old, addend, static_cast<T>(old + addend));
}

bool select_xadd(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 0, [&]<OperandKind destination>() {
                return for_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return step_for<execute_xadd<T, destination>, destination>();
                });
              }));
}

// ---- CMPXCHG ------------------------------------------------------------------------------------

template <typename T, OperandKind destination>
void execute_cmpxchg(Cpu& cpu, const Instruction& i) {
  const T expected = cpu.reg<T>(register_offset(0));
  const T replacement = cpu.reg<T>(i.source);
  T found{};
  if constexpr (destination == OperandKind::kMemory) {
    cpu.modify<T>(i, [&](T old) {
      found = old;
      return old == expected ? replacement : old;
    });
  } else {
    found = cpu.reg<T>(i.destination);
    if (found == expected) cpu.set_reg<T>(i.destination, replacement);
  }
  if (found != expected) cpu.set_reg<T>(register_offset(0), found);
  Compare::set_flags(cpu.flags, expected, found, static_cast<T>(expected - found));
}

bool select_cmpxchg(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 0, [&]<OperandKind destination>() {
                return for_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return step_for<execute_cmpxchg<T, destination>, destination>();
                });
              }));
}

// ---- CMPXCHG8B, CMPXCHG16B: only ZF changes -----------------------------------------------------

void execute_cmpxchg8b(Cpu& cpu, const Instruction& i) {
  const auto pair = [&](Gpr high, Gpr low) {
    return cpu.gpr(high) << 32 | (cpu.gpr(low) & 0xffff'ffff);
  };
  const std::uint64_t expected = pair(Gpr::kRdx, Gpr::kRax);
  const std::uint64_t replacement = pair(Gpr::kRcx, Gpr::kRbx);
  std::uint64_t found = 0;
  cpu.modify<std::uint64_t>(i, [&](std::uint64_t old) {
    found = old;
    return old == expected ? replacement : old;
  });
  if (found != expected) {
    cpu.gpr(Gpr::kRax) = found & 0xffff'ffff;
    cpu.gpr(Gpr::kRdx) = found >> 32;
  }
  cpu.flags.zero = found == expected ? 0 : 1;
}

using Uint128 = unsigned __int128;

// The old value. x86-64 hosts have the instruction itself; others go through libatomic.
#if defined(__x86_64__)
[[gnu::target("cx16")]]
#endif
Uint128
compare_exchange(std::byte* place, Uint128 expected, Uint128 replacement) {
  return __sync_val_compare_and_swap(reinterpret_cast<Uint128*>(place), expected, replacement);
}

// On device memory, or on a watched page, which must hear of the write.
Uint128 compare_exchange_slowly(Cpu& cpu, std::uint64_t linear, Uint128 expected,
                                Uint128 replacement) {
  cpu.probe_write(linear, sizeof(Uint128));
  if (const auto place = cpu.guarded_place(linear, sizeof(Uint128))) {
    const Uint128 found = compare_exchange(place->host, expected, replacement);
    cpu.note_guarded_write(*place, sizeof(Uint128));
    return found;
  }
  const auto [low, high] = cpu.read<Wide128>(linear);
  const Uint128 found = Uint128{high} << 64 | low;
  const Uint128 written = found == expected ? replacement : found;
  cpu.write<Wide128>(
      linear, {static_cast<std::uint64_t>(written), static_cast<std::uint64_t>(written >> 64)});
  return found;
}

void execute_cmpxchg16b(Cpu& cpu, const Instruction& i) {
  const std::uint64_t linear = cpu.operand_linear(i, 0, sizeof(Uint128), Access::kWrite);
  if (linear % sizeof(Uint128) != 0) cpu.raise(x86::Exception::kGeneralProtection);
  const Uint128 expected = Uint128{cpu.gpr(Gpr::kRdx)} << 64 | cpu.gpr(Gpr::kRax);
  const Uint128 replacement = Uint128{cpu.gpr(Gpr::kRcx)} << 64 | cpu.gpr(Gpr::kRbx);
  std::byte* host = cpu.host_address(linear, sizeof(Uint128), Access::kWrite);
  const Uint128 found = host != nullptr
                            ? compare_exchange(host, expected, replacement)
                            : compare_exchange_slowly(cpu, linear, expected, replacement);
  if (found != expected) {
    cpu.gpr(Gpr::kRax) = static_cast<std::uint64_t>(found);
    cpu.gpr(Gpr::kRdx) = static_cast<std::uint64_t>(found >> 64);
  }
  cpu.flags.zero = found == expected ? 0 : 1;
}

template <auto body>
bool select_memory(const Decoded& decoded, Instruction& record) {
  return take(record, is_memory(decoded, 0) ? &step<body> : nullptr);
}

}  // namespace

std::span<const Row> exchange_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_XCHG, select_xchg},
      {ZYDIS_MNEMONIC_XADD, select_xadd},
      {ZYDIS_MNEMONIC_CMPXCHG, select_cmpxchg},
      {ZYDIS_MNEMONIC_CMPXCHG8B, select_memory<execute_cmpxchg8b>},
      {ZYDIS_MNEMONIC_CMPXCHG16B, select_memory<execute_cmpxchg16b>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
