// What VEX-encoded vector instructions do around their operation: three operands, 128 or 256 bits,
// memory at any alignment, and a destination whose upper part is cleared (SDM vol. 1, chapter 14;
// vol. 2A, 2.3 and 2.4).
//
// Nearly all of them are an SSE operation on each 128 bits by itself, so the operations are those
// that the SSE instructions name, and one selector serves both encodings.
#pragma once

#include "hypervisor/soft/interpret/simd/operand.hpp"

namespace orrery::hypervisor::soft::simd {

// ---- Availability

// All of require_avx(), one by one.
void check_avx(Cpu& cpu);

// #UD in real and virtual-8086 mode, without CR4.OSXSAVE and with AVX or SSE state disabled in
// XCR0; #NM with CR0.TS. CR0.EM and CR4.OSFXSR have no part in it.
inline void require_avx(Cpu& cpu) {
  constexpr std::uint64_t kState = x86::xcr0::kSse | x86::xcr0::kAvx;
  const bool good = (cpu.state.cr0 & x86::cr0::kTaskSwitched) == 0 &&
                    (cpu.state.cr4 & x86::cr4::kXsave) != 0 &&
                    (cpu.state.xcr0 & kState) == kState && cpu.code_64bit();
  if (!good) [[unlikely]]
    check_avx(cpu);
}

// ---- Both encodings of one instruction

enum class Form : std::uint8_t { kLegacy, kVex };

inline bool is_vex(const Decoded& decoded) {
  return decoded.info.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
}

template <Form form>
void require_vector(Cpu& cpu) {
  if constexpr (form == Form::kVex) {
    require_avx(cpu);
  } else {
    require_sse(cpu);
  }
}

// The operand that the operation starts from: the destination, or a register of its own.
template <Form form>
unsigned first_register(const Instruction& i) {
  return form == Form::kVex ? i.extra : i.destination;
}
template <Form form>
Xmm first_operand(const Cpu& cpu, const Instruction& i) {
  return xmm(cpu, first_register<form>(i));
}

// A VEX-encoded instruction clears what lies above its result.
template <Form form>
void put_xmm(Cpu& cpu, unsigned number, Xmm value) {
  set_xmm(cpu, number, value);
  if constexpr (form == Form::kVex) {
    cpu.state.vectors[number][2] = 0;
    cpu.state.vectors[number][3] = 0;
  }
}

// Destination, first and second source of a VEX form, as far as they are registers: extra is the
// first, source the second. With two operands the only source is the second.
void fill_vex(const Decoded& decoded, Instruction& record);

// The same for an instruction of either encoding.
inline void fill_either(const Decoded& decoded, Instruction& record) {
  is_vex(decoded) ? fill_vex(decoded, record) : fill_registers(decoded, record);
}

// The last operand but an immediate: what may be in memory.
unsigned last_operand(const Decoded& decoded);

// record.handler = BODY of the encoding and where the last operand is: BODY<form, source>().
template <typename Make>
bool select_either(const Decoded& decoded, Instruction& record, Make make) {
  fill_either(decoded, record);
  const bool memory = is_memory(decoded, last_operand(decoded));
  if (is_vex(decoded)) {
    record.handler = memory ? make.template operator()<Form::kVex, Source::kMemory>()
                            : make.template operator()<Form::kVex, Source::kRegister>();
  } else {
    record.handler = memory ? make.template operator()<Form::kLegacy, Source::kMemory>()
                            : make.template operator()<Form::kLegacy, Source::kRegister>();
  }
  return true;
}

// ---- Registers and memory of 16 or 32 bytes, in parts of 16

template <unsigned kBytes>
using Parts = std::array<Xmm, kBytes / 16>;

template <unsigned kBytes>
Parts<kBytes> parts_of(const Cpu& cpu, unsigned number) {
  return std::bit_cast<std::array<Parts<kBytes>, 32 / kBytes>>(cpu.state.vectors[number])[0];
}
template <unsigned kBytes>
void set_parts(Cpu& cpu, unsigned number, const Parts<kBytes>& parts) {
  std::array<Parts<kBytes>, 32 / kBytes> whole{};
  whole[0] = parts;
  cpu.state.vectors[number] = std::bit_cast<x86::Vector>(whole);
}

template <unsigned kBytes>
using WideOf = std::conditional_t<kBytes == 16, Wide128, Wide256>;

// At an address that is a multiple of kAlignment, else #GP(0).
template <unsigned kBytes, unsigned kAlignment = 1>
std::uint64_t parts_linear(Cpu& cpu, const Instruction& i, Access access) {
  const std::uint64_t linear = cpu.operand_linear(i, 0, kBytes, access);
  if (linear % kAlignment != 0) cpu.raise(x86::Exception::kGeneralProtection);
  return linear;
}
template <unsigned kBytes, unsigned kAlignment = 1>
Parts<kBytes> load_parts(Cpu& cpu, const Instruction& i) {
  const std::uint64_t linear = parts_linear<kBytes, kAlignment>(cpu, i, Access::kRead);
  return std::bit_cast<Parts<kBytes>>(cpu.read<WideOf<kBytes>>(linear));
}
template <unsigned kBytes, unsigned kAlignment = 1>
void store_parts(Cpu& cpu, const Instruction& i, const Parts<kBytes>& parts) {
  const std::uint64_t linear = parts_linear<kBytes, kAlignment>(cpu, i, Access::kWrite);
  cpu.write<WideOf<kBytes>>(linear, std::bit_cast<WideOf<kBytes>>(parts));
}

// kRead bytes of memory: a whole vector, or what an operation takes less.
template <unsigned kBytes, unsigned kRead>
Parts<kBytes> load_some(Cpu& cpu, const Instruction& i) {
  Parts<kBytes> parts{};
  if constexpr (kRead == kBytes) {
    parts = load_parts<kBytes>(cpu, i);
  } else if constexpr (kRead == 16) {
    parts[0] = load_parts<16>(cpu, i)[0];
  } else {
    parts[0].quads[0] = cpu.load<UnsignedOf<kRead>>(i);
  }
  return parts;
}

// ---- The operation over all parts

// An operation that makes lanes wider (PMOVZXBW) says so: part N takes the source's Nth stretch of
// as many bytes as one part needs.
template <typename Operation>
constexpr bool kWidens = requires { Operation::kWidening; };
// By how far the immediate moves from one part to the next, in bits (BLENDPS).
template <typename Operation>
constexpr unsigned immediate_step() {
  if constexpr (requires { Operation::kImmediateStep; }) {
    return Operation::kImmediateStep;
  } else {
    return 0;
  }
}

// SOURCE from byte FIRST on.
inline Xmm moved_down(Xmm source, unsigned first) {
  const auto whole = std::bit_cast<unsigned __int128>(source.quads);
  return {std::bit_cast<decltype(Xmm::quads)>(whole >> (8 * first))};
}

template <typename Operation, unsigned kBytes, Source source>
Parts<kBytes> fetch_parts(Cpu& cpu, const Instruction& i) {
  constexpr unsigned kRead = memory_bytes<Operation, kBytes>();
  Parts<kBytes> parts{};
  if constexpr (source == Source::kMemory) {
    parts = load_some<kBytes, kRead>(cpu, i);
  } else {
    parts = parts_of<kBytes>(cpu, i.source);
  }
  if constexpr (kWidens<Operation> && kBytes == 32) parts[1] = moved_down(parts[0], kRead / 2);
  return parts;
}

template <typename Operation>
Xmm apply_to_part(Xmm first, Xmm second, std::uint8_t immediate) {
  if constexpr (requires { Operation::apply(first, second, immediate); }) {
    return Operation::apply(first, second, immediate);
  } else {
    return Operation::apply(first, second);
  }
}

template <typename Operation, unsigned kBytes, Source source>
void execute_vex(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto second = fetch_parts<Operation, kBytes, source>(cpu, i);
  const auto first = parts_of<kBytes>(cpu, i.extra);
  Parts<kBytes> result{};
  for (unsigned n = 0; n < result.size(); ++n) {
    const auto immediate =
        static_cast<std::uint8_t>(i.immediate >> (n * immediate_step<Operation>()));
    result[n] = apply_to_part<Operation>(first[n], second[n], immediate);
  }
  set_parts<kBytes>(cpu, i.destination, result);
}

// Shifts: one count for all lanes, 128 bits of a register or memory, or an immediate.
template <typename Operation, unsigned kBytes, Source source>
void execute_vex_shift(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  Xmm count;
  if constexpr (source == Source::kImmediate) {
    count.quads[0] = i.immediate & 0xff;
  } else if constexpr (source == Source::kMemory) {
    count = load_parts<16>(cpu, i)[0];
  } else {
    count = xmm(cpu, i.source);
  }
  auto parts = parts_of<kBytes>(cpu, i.extra);
  for (Xmm& part : parts) part = Operation::apply(part, count);
  set_parts<kBytes>(cpu, i.destination, parts);
}

inline bool is_256(const Decoded& decoded) {
  return decoded.info.avx.vector_length == 256;
}

// record.handler = BODY of the vector's length and where the last operand is.
template <typename Make>
bool select_vex_with(const Decoded& decoded, Instruction& record, Make make) {
  fill_vex(decoded, record);
  const bool memory = is_memory(decoded, last_operand(decoded));
  if (is_256(decoded)) {
    record.handler = memory ? make.template operator()<32, Source::kMemory>()
                            : make.template operator()<32, Source::kRegister>();
  } else {
    record.handler = memory ? make.template operator()<16, Source::kMemory>()
                            : make.template operator()<16, Source::kRegister>();
  }
  return true;
}

template <typename Operation>
bool select_vex(const Decoded& decoded, Instruction& record) {
  return select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler {
    return &step<execute_vex<Operation, kBytes, source>>;
  });
}

template <typename Operation>
bool select_vex_shift(const Decoded& decoded, Instruction& record) {
  if (!is_immediate(decoded, 2)) {
    return select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler {
      return &step<execute_vex_shift<Operation, kBytes, source>>;
    });
  }
  fill_vex(decoded, record);
  record.extra = register_field(decoded, 1);
  record.handler = is_256(decoded) ? &step<execute_vex_shift<Operation, 32, Source::kImmediate>>
                                   : &step<execute_vex_shift<Operation, 16, Source::kImmediate>>;
  return true;
}

// ---- Selectors of instructions that exist in both encodings

// xmm, xmm/m (with or without an immediate)
template <typename Operation>
bool select_xmm(const Decoded& decoded, Instruction& record) {
  return is_vex(decoded) ? select_vex<Operation>(decoded, record)
                         : select_width<Operation, 16>(decoded, record);
}

// The same, or mm, mm/m
template <typename Operation>
bool select_packed(const Decoded& decoded, Instruction& record) {
  return is_mmx(decoded, 0) ? select_width<Operation, 8>(decoded, record)
                            : select_xmm<Operation>(decoded, record);
}

// Shifts: the count may be an immediate instead.
template <typename Operation>
bool select_shift(const Decoded& decoded, Instruction& record) {
  if (is_vex(decoded)) return select_vex_shift<Operation>(decoded, record);
  if (!is_immediate(decoded, 1)) return select_packed<Operation>(decoded, record);
  fill_registers(decoded, record);
  record.handler = is_mmx(decoded, 0) ? &step<execute<Operation, 8, Source::kImmediate>>
                                      : &step<execute<Operation, 16, Source::kImmediate>>;
  return true;
}

}  // namespace orrery::hypervisor::soft::simd
