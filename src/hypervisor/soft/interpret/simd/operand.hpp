// What every vector instruction does around its operation: whether it may run at all, fetching the
// source operand, writing the destination (SDM vol. 2A, 2.4 "exception classes"; vol. 1, 9.2 and
// 9.5 for MMX).
#pragma once

#include <cstdint>

#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/decode/table.hpp"
#include "hypervisor/soft/fpu/x87/words.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/simd/packed.hpp"

namespace orrery::hypervisor::soft::simd {

// ---- Availability

[[noreturn]] void raise_sse_unavailable(Cpu& cpu);
[[noreturn]] void raise_mmx_unavailable(Cpu& cpu);

// #UD with CR0.EM or without CR4.OSFXSR, #NM with CR0.TS.
inline void require_sse(Cpu& cpu) {
  const bool bad = (cpu.state.cr0 & (x86::cr0::kEmulation | x86::cr0::kTaskSwitched)) != 0 ||
                   (cpu.state.cr4 & x86::cr4::kFxsave) == 0;
  if (bad) [[unlikely]]
    raise_sse_unavailable(cpu);
}

// #UD with CR0.EM, #NM with CR0.TS, #MF with a pending x87 exception.
inline void require_mmx(Cpu& cpu) {
  const bool bad = (cpu.state.cr0 & (x86::cr0::kEmulation | x86::cr0::kTaskSwitched)) != 0 ||
                   (cpu.state.x87.status & x87::status::kErrorSummary) != 0;
  if (bad) [[unlikely]]
    raise_mmx_unavailable(cpu);
}

// Every MMX instruction but EMMS sets TOP to 0 and all tags to valid.
inline void enter_mmx(Cpu& cpu) {
  cpu.state.x87.status &= static_cast<std::uint16_t>(~x87::status::kTop);
  cpu.state.x87.valid = 0xff;
}

template <unsigned kBytes>
void require(Cpu& cpu) {
  if constexpr (kBytes == 8) {
    require_mmx(cpu);
  } else {
    require_sse(cpu);
  }
}

// ---- Registers

inline Xmm xmm(const Cpu& cpu, unsigned number) {
  const x86::Vector& vector = cpu.state.vectors[number];
  return {{vector[0], vector[1]}};
}
// Legacy SSE leaves the lanes above 127 alone.
inline void set_xmm(Cpu& cpu, unsigned number, Xmm value) {
  cpu.state.vectors[number][0] = value.quads[0];
  cpu.state.vectors[number][1] = value.quads[1];
}

inline Mmx mmx(const Cpu& cpu, unsigned number) {
  return {{cpu.state.x87.registers[number].significand}};
}
inline void set_mmx(Cpu& cpu, unsigned number, Mmx value) {
  cpu.state.x87.registers[number] = {value.quads[0], 0xffff};
}

template <unsigned kBytes>
Packed<kBytes> read_register(const Cpu& cpu, unsigned number) {
  if constexpr (kBytes == 8) {
    return mmx(cpu, number);
  } else {
    return xmm(cpu, number);
  }
}
template <unsigned kBytes>
void write_register(Cpu& cpu, unsigned number, Packed<kBytes> value) {
  if constexpr (kBytes == 8) {
    enter_mmx(cpu);
    set_mmx(cpu, number, value);
  } else {
    set_xmm(cpu, number, value);
  }
}

// ---- Memory

enum class Alignment : std::uint8_t { kAny, k16 };

// #GP(0) where an aligned operand is not.
template <Alignment alignment>
std::uint64_t vector_linear(Cpu& cpu, const Instruction& i, Access access) {
  const std::uint64_t linear = cpu.operand_linear(i, 0, 16, access);
  if (alignment == Alignment::k16 && (linear & 15) != 0) [[unlikely]] {
    cpu.raise(x86::Exception::kGeneralProtection);
  }
  return linear;
}

template <Alignment alignment>
Xmm load_xmm(Cpu& cpu, const Instruction& i) {
  const auto wide = cpu.read<Wide128>(vector_linear<alignment>(cpu, i, Access::kRead));
  return {{wide.low, wide.high}};
}
template <Alignment alignment>
void store_xmm(Cpu& cpu, const Instruction& i, Xmm value) {
  const std::uint64_t linear = vector_linear<alignment>(cpu, i, Access::kWrite);
  cpu.write<Wide128>(linear, {value.quads[0], value.quads[1]});
}

// An unsigned integer of 1, 2, 4 or 8 bytes.
template <unsigned kBytes>
using UnsignedOf = std::conditional_t<
    kBytes == 1, std::uint8_t,
    std::conditional_t<kBytes == 2, std::uint16_t,
                       std::conditional_t<kBytes == 4, std::uint32_t, std::uint64_t>>>;

// ---- The source operand of an operation

enum class Source : std::uint8_t { kRegister, kMemory, kImmediate };

// How many bytes of memory an operation reads: Operation::kMemoryBytes, or the whole register.
template <typename Operation, unsigned kBytes>
constexpr unsigned memory_bytes() {
  if constexpr (requires { Operation::template kMemoryBytes<kBytes>; }) {
    return Operation::template kMemoryBytes<kBytes>;
  } else {
    return kBytes;
  }
}

template <unsigned kBytes, unsigned kRead>
Packed<kBytes> load_packed(Cpu& cpu, const Instruction& i) {
  if constexpr (kRead == 16) {
    return load_xmm<Alignment::k16>(cpu, i);
  } else {
    Packed<kBytes> result;
    result.quads[0] = cpu.load<UnsignedOf<kRead>>(i);
    return result;
  }
}

template <typename Operation, unsigned kBytes, Source source>
Packed<kBytes> fetch(Cpu& cpu, const Instruction& i) {
  if constexpr (source == Source::kRegister) {
    return read_register<kBytes>(cpu, i.source);
  } else if constexpr (source == Source::kImmediate) {
    Packed<kBytes> result;
    result.quads[0] = i.immediate & 0xff;
    return result;
  } else {
    return load_packed<kBytes, memory_bytes<Operation, kBytes>()>(cpu, i);
  }
}

// destination = Operation(destination, source [, immediate])
template <typename Operation, unsigned kBytes, Source source>
void execute(Cpu& cpu, const Instruction& i) {
  require<kBytes>(cpu);
  const auto from = fetch<Operation, kBytes, source>(cpu, i);
  const auto into = read_register<kBytes>(cpu, i.destination);
  const auto immediate = static_cast<std::uint8_t>(i.immediate);
  if constexpr (requires { Operation::apply(into, from, immediate); }) {
    write_register<kBytes>(cpu, i.destination, Operation::apply(into, from, immediate));
  } else {
    write_register<kBytes>(cpu, i.destination, Operation::apply(into, from));
  }
}

// ---- Selectors (register fields are filled in by fill_registers())

inline ZydisRegisterClass class_of(const Decoded& decoded, unsigned index) {
  return is_register(decoded, index) ? ZydisRegisterGetClass(decoded.operands[index].reg.value)
                                     : ZYDIS_REGCLASS_INVALID;
}
inline bool is_mmx(const Decoded& decoded, unsigned index) {
  return class_of(decoded, index) == ZYDIS_REGCLASS_MMX;
}
inline bool is_xmm(const Decoded& decoded, unsigned index) {
  return class_of(decoded, index) == ZYDIS_REGCLASS_XMM;
}

template <typename Operation, unsigned kBytes>
bool select_width(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler = is_register(decoded, 1) ? &step<execute<Operation, kBytes, Source::kRegister>>
                                           : &step<execute<Operation, kBytes, Source::kMemory>>;
  return true;
}

}  // namespace orrery::hypervisor::soft::simd
