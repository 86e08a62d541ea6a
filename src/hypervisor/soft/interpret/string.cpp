// String instructions: MOVS, STOS, LODS, SCAS, CMPS, INS, OUTS, alone and repeated (SDM vol. 2,
// "REP").
//
// A repeated instruction is executed in rounds: one element, or in bulk as many as lie in one page
// of each operand. Registers are written after each round, so a fault in the middle leaves them as
// after the elements before it. After some rounds the instruction leaves its block and is started
// again at the same RIP, which lets interrupts in.
#include <algorithm>
#include <cstring>

#include "hypervisor/soft/interpret/operand_access.hpp"
#include "hypervisor/soft/interpret/simd/shared.hpp"
#include "hypervisor/soft/interpret/system.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Gpr;
using x86::SegmentRegister;

// Rounds before others get a chance: 16 pages in bulk take some 5 us.
inline constexpr unsigned kMostRounds = 16;

bool goes_down(const Cpu& cpu) {
  return (cpu.state.rflags & x86::rflags::kDirection) != 0;
}

// A counter or index register by address size: 16 bits leave the rest, 32 bits clear it.
void set_by_address_size(Cpu& cpu, const Instruction& i, Gpr name, std::uint64_t value) {
  const std::uint64_t mask = address_mask(i.address_size);
  std::uint64_t& reg = cpu.gpr(name);
  reg = i.address_size == 2 ? (reg & ~mask) | (value & mask) : value & mask;
}

// rSI in its segment, or rDI in ES.
struct Pointer {
  Gpr index;
  SegmentRegister segment;

  std::uint64_t offset(Cpu& cpu, const Instruction& i) const {
    return cpu.gpr(index) & address_mask(i.address_size);
  }
  std::uint64_t linear(Cpu& cpu, const Instruction& i, unsigned size, Access access) const {
    return cpu.segment_linear(segment, offset(cpu, i), size, access);
  }
  void advance(Cpu& cpu, const Instruction& i, std::uint64_t bytes) const {
    set_by_address_size(cpu, i, index, cpu.gpr(index) + (goes_down(cpu) ? 0 - bytes : bytes));
  }
};

Pointer source_pointer(const Instruction& i) {
  return {Gpr::kRsi, static_cast<SegmentRegister>(i.segment)};
}
constexpr Pointer kDestinationPointer{Gpr::kRdi, SegmentRegister::kEs};

// ---- Bulk access --------------------------------------------------------------------------------

// Upward elements of SIZE bytes from POINTER that lie in one page, at most MOST, and where they are
// in this process. No elements: they must be taken one by one, or the access faults
// (Cpu::return_fault()).
struct Run {
  std::byte* host = nullptr;
  std::uint64_t elements = 0;
};

Run find_run(Cpu& cpu, const Instruction& i, const Pointer& pointer, unsigned size,
             std::uint64_t most, Access access) {
  const std::uint64_t linear = pointer.linear(cpu, i, size, access);
  const std::uint64_t to_page_end = kPageSize - linear % kPageSize;
  const std::uint64_t to_wrap = address_mask(i.address_size) - pointer.offset(cpu, i);
  const std::uint64_t elements = std::min({most, to_page_end / size, to_wrap / size});
  if (elements == 0) return {};
  const auto bytes = static_cast<unsigned>(elements * size);
  if (!cpu.code_64bit()) {
    // The segment may end before the page does.
    try {
      cpu.segment_linear(pointer.segment, pointer.offset(cpu, i), bytes, access);
    } catch (const Fault&) {
      return {};
    }
  }
  const auto host = cpu.try_host_address(linear, bytes, access);
  if (!host) cpu.return_fault(host.error());
  return host.value_or(nullptr) == nullptr ? Run{} : Run{*host, elements};
}

template <typename T>
T element(const std::byte* host, std::uint64_t n) {
  T value;
  std::memcpy(&value, host + n * sizeof(T), sizeof value);
  return value;
}

// The condition of REPE and REPNE after a comparison.
bool repeats(const Instruction& i, bool equal) {
  return equal == (i.repeat == Repeat::kWhileEqual);
}

// ---- Operations ---------------------------------------------------------------------------------
// once(): one element. in_bulk(): upwards, at most MOST elements, and how many it did; 0 where it
// can not. kCompares: the repetition depends on ZF. All leave the counter to the caller.

template <typename T>
struct Move {
  static constexpr bool kCompares = false;

  static void once(Cpu& cpu, const Instruction& i) {
    const Pointer source = source_pointer(i);
    const T value = cpu.read<T>(source.linear(cpu, i, sizeof(T), Access::kRead));
    cpu.write<T>(kDestinationPointer.linear(cpu, i, sizeof(T), Access::kWrite), value);
    source.advance(cpu, i, sizeof(T));
    kDestinationPointer.advance(cpu, i, sizeof(T));
  }

  static std::uint64_t in_bulk(Cpu& cpu, const Instruction& i, std::uint64_t most) {
    const Pointer pointer = source_pointer(i);
    const Run source = find_run(cpu, i, pointer, sizeof(T), most, Access::kRead);
    if (source.elements == 0) return 0;
    const Run destination =
        find_run(cpu, i, kDestinationPointer, sizeof(T), source.elements, Access::kWrite);
    std::uint64_t elements = destination.elements;
    // Where the destination begins inside of the source, elements that were just written are read
    // again: only as many at once as lie before that.
    if (destination.host > source.host) {
      const auto distance = static_cast<std::uint64_t>(destination.host - source.host);
      elements = std::min(elements, distance / sizeof(T));
    }
    if (elements == 0) return 0;
    std::memmove(destination.host, source.host, elements * sizeof(T));
    pointer.advance(cpu, i, elements * sizeof(T));
    kDestinationPointer.advance(cpu, i, elements * sizeof(T));
    return elements;
  }
};

template <typename T>
struct Store {
  static constexpr bool kCompares = false;

  static void once(Cpu& cpu, const Instruction& i) {
    const T value = cpu.reg<T>(register_offset(0));
    cpu.write<T>(kDestinationPointer.linear(cpu, i, sizeof(T), Access::kWrite), value);
    kDestinationPointer.advance(cpu, i, sizeof(T));
  }

  static std::uint64_t in_bulk(Cpu& cpu, const Instruction& i, std::uint64_t most) {
    const Run run = find_run(cpu, i, kDestinationPointer, sizeof(T), most, Access::kWrite);
    if (run.elements == 0) return 0;
    const T value = cpu.reg<T>(register_offset(0));
    for (std::uint64_t n = 0; n < run.elements; ++n) {
      std::memcpy(run.host + n * sizeof(T), &value, sizeof value);
    }
    kDestinationPointer.advance(cpu, i, run.elements * sizeof(T));
    return run.elements;
  }
};

template <typename T>
struct Load {
  static constexpr bool kCompares = false;

  static void once(Cpu& cpu, const Instruction& i) {
    const Pointer source = source_pointer(i);
    cpu.set_reg<T>(register_offset(0),
                   cpu.read<T>(source.linear(cpu, i, sizeof(T), Access::kRead)));
    source.advance(cpu, i, sizeof(T));
  }
  static std::uint64_t in_bulk(Cpu&, const Instruction&, std::uint64_t) { return 0; }
};

template <typename T>
void set_comparison_flags(Cpu& cpu, T left, T right) {
  const auto difference = static_cast<T>(left - right);
  cpu.flags.set_sum(difference, static_cast<T>((~left & right) | ((~left | right) & difference)));
}

template <typename T>
struct Scan {
  static constexpr bool kCompares = true;

  static void once(Cpu& cpu, const Instruction& i) {
    const T found = cpu.read<T>(kDestinationPointer.linear(cpu, i, sizeof(T), Access::kRead));
    set_comparison_flags(cpu, cpu.reg<T>(register_offset(0)), found);
    kDestinationPointer.advance(cpu, i, sizeof(T));
  }

  static std::uint64_t in_bulk(Cpu& cpu, const Instruction& i, std::uint64_t most) {
    const Run run = find_run(cpu, i, kDestinationPointer, sizeof(T), most, Access::kRead);
    if (run.elements == 0) return 0;
    const T sought = cpu.reg<T>(register_offset(0));
    std::uint64_t n = 0;
    while (n + 1 < run.elements && repeats(i, element<T>(run.host, n) == sought)) ++n;
    set_comparison_flags(cpu, sought, element<T>(run.host, n));
    kDestinationPointer.advance(cpu, i, (n + 1) * sizeof(T));
    return n + 1;
  }
};

template <typename T>
struct Compare {
  static constexpr bool kCompares = true;

  static void once(Cpu& cpu, const Instruction& i) {
    const Pointer source = source_pointer(i);
    const T left = cpu.read<T>(source.linear(cpu, i, sizeof(T), Access::kRead));
    const T right = cpu.read<T>(kDestinationPointer.linear(cpu, i, sizeof(T), Access::kRead));
    set_comparison_flags(cpu, left, right);
    source.advance(cpu, i, sizeof(T));
    kDestinationPointer.advance(cpu, i, sizeof(T));
  }

  static std::uint64_t in_bulk(Cpu& cpu, const Instruction& i, std::uint64_t most) {
    const Pointer source = source_pointer(i);
    const Run left = find_run(cpu, i, source, sizeof(T), most, Access::kRead);
    if (left.elements == 0) return 0;
    const Run right =
        find_run(cpu, i, kDestinationPointer, sizeof(T), left.elements, Access::kRead);
    if (right.elements == 0) return 0;
    std::uint64_t n = 0;
    while (n + 1 < right.elements &&
           repeats(i, element<T>(left.host, n) == element<T>(right.host, n))) {
      ++n;
    }
    set_comparison_flags(cpu, element<T>(left.host, n), element<T>(right.host, n));
    source.advance(cpu, i, (n + 1) * sizeof(T));
    kDestinationPointer.advance(cpu, i, (n + 1) * sizeof(T));
    return n + 1;
  }
};

std::uint16_t port_of(Cpu& cpu) {
  return cpu.reg<std::uint16_t>(register_offset(static_cast<unsigned>(Gpr::kRdx)));
}

// The port is read only when the store can no longer fault.
template <typename T>
struct Input {
  static constexpr bool kCompares = false;
  static constexpr auto kWidth = static_cast<Width>(sizeof(T));

  static void check_permission(Cpu& cpu) { check_port_access(cpu, port_of(cpu), kWidth); }
  static void once(Cpu& cpu, const Instruction& i) {
    check_permission(cpu);
    const std::uint64_t linear = kDestinationPointer.linear(cpu, i, sizeof(T), Access::kWrite);
    cpu.probe_write(linear, sizeof(T));
    ++cpu.statistics.port_accesses;
    cpu.write<T>(linear, static_cast<T>(cpu.environment.port_read(port_of(cpu), kWidth)));
    kDestinationPointer.advance(cpu, i, sizeof(T));
  }
  static std::uint64_t in_bulk(Cpu&, const Instruction&, std::uint64_t) { return 0; }
};

template <typename T>
struct Output {
  static constexpr bool kCompares = false;
  static constexpr auto kWidth = static_cast<Width>(sizeof(T));

  static void check_permission(Cpu& cpu) { check_port_access(cpu, port_of(cpu), kWidth); }
  static void once(Cpu& cpu, const Instruction& i) {
    check_permission(cpu);
    const Pointer source = source_pointer(i);
    const T value = cpu.read<T>(source.linear(cpu, i, sizeof(T), Access::kRead));
    ++cpu.statistics.port_accesses;
    cpu.environment.port_write(port_of(cpu), kWidth, value);
    source.advance(cpu, i, sizeof(T));
  }
  static std::uint64_t in_bulk(Cpu&, const Instruction&, std::uint64_t) { return 0; }
};

// ---- Repetition ---------------------------------------------------------------------------------

// Nothing is done where it faults by value.
template <typename Operation>
std::uint64_t execute_round(Cpu& cpu, const Instruction& i, std::uint64_t most) {
  if (most > 1 && !goes_down(cpu)) {
    const std::uint64_t done = Operation::in_bulk(cpu, i, most);
    if (done != 0 || cpu.has_returned_fault()) return done;
  }
  Operation::once(cpu, i);
  return 1;
}

enum class Progress : std::uint8_t { kDone, kInterrupted, kFaulted };

template <typename Operation>
Progress execute_rounds(Cpu& cpu, const Instruction& i) {
  // A single-step trap comes after each element.
  const bool stepping = (cpu.state.rflags & x86::rflags::kTrap) != 0;
  std::uint64_t left = cpu.gpr(Gpr::kRcx) & address_mask(i.address_size);
  for (unsigned rounds = stepping ? 1 : kMostRounds; left != 0 && rounds != 0; --rounds) {
    left -= execute_round<Operation>(cpu, i, stepping ? 1 : left);
    if (cpu.has_returned_fault()) return Progress::kFaulted;
    set_by_address_size(cpu, i, Gpr::kRcx, left);
    if (Operation::kCompares && !repeats(i, cpu.flags.is_zero())) return Progress::kDone;
  }
  return left == 0 ? Progress::kDone : Progress::kInterrupted;
}

template <typename Operation>
void repeat(Cpu& cpu, const Instruction* i) {
  cpu.set_current(i);
  // Processors check the right to a port before the count, which may be 0.
  if constexpr (requires { Operation::check_permission(cpu); }) Operation::check_permission(cpu);
  switch (execute_rounds<Operation>(cpu, *i)) {
    case Progress::kDone: return i[1].handler(cpu, i + 1);
    case Progress::kInterrupted: return cpu.interrupt_repetition();
    case Progress::kFaulted: return;
  }
}

// ---- Selection ----------------------------------------------------------------------------------

void fill_source_segment(const Decoded& decoded, Instruction& record) {
  for (unsigned n = 0; n < decoded.info.operand_count; ++n) {
    const ZydisDecodedOperand& operand = decoded.operands[n];
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
    const ZydisRegister base = operand.mem.base;
    if (base == ZYDIS_REGISTER_SI || base == ZYDIS_REGISTER_ESI || base == ZYDIS_REGISTER_RSI) {
      record.segment = segment_of(operand);
    }
  }
}

template <typename Operation>
bool select_string(const Decoded& decoded, Instruction& record) {
  constexpr auto kRepeats = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
  fill_source_segment(decoded, record);
  return take(record, (decoded.info.attributes & kRepeats) != 0 ? &repeat<Operation>
                                                                : &step<Operation::once>);
}

// MOVSD and CMPSD are also vector instructions, which show their operands.
template <typename Operation, Selector vector_form>
bool select_shared(const Decoded& decoded, Instruction& record) {
  return decoded.info.operand_count_visible != 0 ? vector_form(decoded, record)
                                                 : select_string<Operation>(decoded, record);
}

}  // namespace

std::span<const Row> string_rows() {
  using std::uint16_t, std::uint32_t, std::uint64_t, std::uint8_t;
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_MOVSB, select_string<Move<uint8_t>>},
      {ZYDIS_MNEMONIC_MOVSW, select_string<Move<uint16_t>>},
      {ZYDIS_MNEMONIC_MOVSD, select_shared<Move<uint32_t>, select_scalar_double_move>},
      {ZYDIS_MNEMONIC_MOVSQ, select_string<Move<uint64_t>>},
      {ZYDIS_MNEMONIC_STOSB, select_string<Store<uint8_t>>},
      {ZYDIS_MNEMONIC_STOSW, select_string<Store<uint16_t>>},
      {ZYDIS_MNEMONIC_STOSD, select_string<Store<uint32_t>>},
      {ZYDIS_MNEMONIC_STOSQ, select_string<Store<uint64_t>>},
      {ZYDIS_MNEMONIC_LODSB, select_string<Load<uint8_t>>},
      {ZYDIS_MNEMONIC_LODSW, select_string<Load<uint16_t>>},
      {ZYDIS_MNEMONIC_LODSD, select_string<Load<uint32_t>>},
      {ZYDIS_MNEMONIC_LODSQ, select_string<Load<uint64_t>>},
      {ZYDIS_MNEMONIC_SCASB, select_string<Scan<uint8_t>>},
      {ZYDIS_MNEMONIC_SCASW, select_string<Scan<uint16_t>>},
      {ZYDIS_MNEMONIC_SCASD, select_string<Scan<uint32_t>>},
      {ZYDIS_MNEMONIC_SCASQ, select_string<Scan<uint64_t>>},
      {ZYDIS_MNEMONIC_CMPSB, select_string<Compare<uint8_t>>},
      {ZYDIS_MNEMONIC_CMPSW, select_string<Compare<uint16_t>>},
      {ZYDIS_MNEMONIC_CMPSD, select_shared<Compare<uint32_t>, select_scalar_double_compare>},
      {ZYDIS_MNEMONIC_CMPSQ, select_string<Compare<uint64_t>>},
      {ZYDIS_MNEMONIC_INSB, select_string<Input<uint8_t>>},
      {ZYDIS_MNEMONIC_INSW, select_string<Input<uint16_t>>},
      {ZYDIS_MNEMONIC_INSD, select_string<Input<uint32_t>>},
      {ZYDIS_MNEMONIC_OUTSB, select_string<Output<uint8_t>>},
      {ZYDIS_MNEMONIC_OUTSW, select_string<Output<uint16_t>>},
      {ZYDIS_MNEMONIC_OUTSD, select_string<Output<uint32_t>>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft
