// Moves of whole vector registers and of their halves and low lanes (SDM vol. 1, 10.4.1
// and 11.4.1).
#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"
#include "hypervisor/soft/interpret/simd/shared.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

// ---- Whole registers: MOVAPS, MOVDQU, ...

void execute_copy(Cpu& cpu, const Instruction& i) {
  require_sse(cpu);
  set_xmm(cpu, i.destination, xmm(cpu, i.source));
}
template <Alignment alignment>
void execute_load(Cpu& cpu, const Instruction& i) {
  require_sse(cpu);
  set_xmm(cpu, i.destination, load_xmm<alignment>(cpu, i));
}
template <Alignment alignment>
void execute_store(Cpu& cpu, const Instruction& i) {
  require_sse(cpu);
  store_xmm<alignment>(cpu, i, xmm(cpu, i.source));
}

template <unsigned kBytes>
void execute_vex_copy(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  set_parts<kBytes>(cpu, i.destination, parts_of<kBytes>(cpu, i.source));
}
template <unsigned kBytes, unsigned kAlignment>
void execute_vex_load(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  set_parts<kBytes>(cpu, i.destination, load_parts<kBytes, kAlignment>(cpu, i));
}
template <unsigned kBytes, unsigned kAlignment>
void execute_vex_store(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  store_parts<kBytes, kAlignment>(cpu, i, parts_of<kBytes>(cpu, i.source));
}

template <Alignment alignment, unsigned kBytes>
Handler vex_whole(const Decoded& decoded) {
  constexpr unsigned kAlignment = alignment == Alignment::kAny ? 1 : kBytes;
  if (is_memory(decoded, 0)) return &step<execute_vex_store<kBytes, kAlignment>>;
  if (is_memory(decoded, 1)) return &step<execute_vex_load<kBytes, kAlignment>>;
  return &step<execute_vex_copy<kBytes>>;
}

template <Alignment alignment>
bool select_whole(const Decoded& decoded, Instruction& record) {
  if (is_vex(decoded)) {
    fill_vex(decoded, record);
    record.handler =
        is_256(decoded) ? vex_whole<alignment, 32>(decoded) : vex_whole<alignment, 16>(decoded);
    return true;
  }
  fill_registers(decoded, record);
  if (is_memory(decoded, 0)) {
    record.handler = &step<execute_store<alignment>>;
  } else if (is_memory(decoded, 1)) {
    record.handler = &step<execute_load<alignment>>;
  } else {
    record.handler = &step<execute_copy>;
  }
  return true;
}

// ---- Parts of a register

// What becomes of the lanes that a partial move does not fill.
enum class Rest : std::uint8_t { kKept, kCleared };

template <Form form, typename T, Rest rest>
void put_low(Cpu& cpu, const Instruction& i, T value) {
  auto lanes = rest == Rest::kKept ? first_operand<form>(cpu, i).template as<T>() : Xmm{}.as<T>();
  lanes[0] = value;
  put_xmm<form>(cpu, i.destination, Xmm::from(lanes));
}

template <Form form, typename T>
void execute_low_copy(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  put_low<form, T, Rest::kKept>(cpu, i, xmm(cpu, i.source).as<T>()[0]);
}
template <Form form, typename T>
void execute_low_load(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  put_low<form, T, Rest::kCleared>(cpu, i, cpu.load<T>(i));
}
template <Form form, typename T>
void execute_low_store(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  cpu.store<T>(i, xmm(cpu, i.source).as<T>()[0]);
}

template <Form form, typename T>
Handler scalar_move(const Decoded& decoded) {
  if (is_memory(decoded, 0)) return &step<execute_low_store<form, T>>;
  if (is_memory(decoded, 1)) return &step<execute_low_load<form, T>>;
  return &step<execute_low_copy<form, T>>;
}

// MOVSS, MOVSD: a register source leaves the first operand's other lanes, memory clears them.
template <typename T>
bool select_scalar(const Decoded& decoded, Instruction& record) {
  fill_either(decoded, record);
  record.handler = is_vex(decoded) ? scalar_move<Form::kVex, T>(decoded)
                                   : scalar_move<Form::kLegacy, T>(decoded);
  return true;
}

// Quadword kInto of the first operand from quadword kFrom of a register, or from memory.
template <Form form, unsigned kInto>
void put_quad(Cpu& cpu, const Instruction& i, std::uint64_t value) {
  Xmm result = first_operand<form>(cpu, i);
  result.quads[kInto] = value;
  put_xmm<form>(cpu, i.destination, result);
}
template <Form form, unsigned kInto, unsigned kFrom>
void execute_quad_copy(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  put_quad<form, kInto>(cpu, i, cpu.state.vectors[i.source][kFrom]);
}
template <Form form, unsigned kInto>
void execute_quad_load(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  put_quad<form, kInto>(cpu, i, cpu.load<std::uint64_t>(i));
}
template <Form form, unsigned kFrom>
void execute_quad_store(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  cpu.store<std::uint64_t>(i, cpu.state.vectors[i.source][kFrom]);
}

template <Form form, unsigned kQuad>
Handler half_move(const Decoded& decoded) {
  if (is_memory(decoded, 0)) return &step<execute_quad_store<form, kQuad>>;
  if (is_memory(decoded, last_operand(decoded))) return &step<execute_quad_load<form, kQuad>>;
  return &step<execute_quad_copy<form, kQuad, 1 - kQuad>>;
}

// MOVLPS and MOVHPS with their register forms MOVHLPS and MOVLHPS.
template <unsigned kQuad>
bool select_half(const Decoded& decoded, Instruction& record) {
  fill_either(decoded, record);
  record.handler = is_vex(decoded) ? half_move<Form::kVex, kQuad>(decoded)
                                   : half_move<Form::kLegacy, kQuad>(decoded);
  return true;
}

constexpr Selector kAligned = select_whole<Alignment::k16>;
constexpr Selector kUnaligned = select_whole<Alignment::kAny>;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_MOVAPS, kAligned},
    {ZYDIS_MNEMONIC_MOVAPD, kAligned},
    {ZYDIS_MNEMONIC_MOVDQA, kAligned},
    {ZYDIS_MNEMONIC_MOVNTPS, kAligned},
    {ZYDIS_MNEMONIC_MOVNTPD, kAligned},
    {ZYDIS_MNEMONIC_MOVNTDQ, kAligned},
    {ZYDIS_MNEMONIC_MOVNTDQA, kAligned},
    {ZYDIS_MNEMONIC_MOVUPS, kUnaligned},
    {ZYDIS_MNEMONIC_MOVUPD, kUnaligned},
    {ZYDIS_MNEMONIC_MOVDQU, kUnaligned},
    {ZYDIS_MNEMONIC_LDDQU, kUnaligned},
    {ZYDIS_MNEMONIC_MOVSS, select_scalar<std::uint32_t>},
    {ZYDIS_MNEMONIC_VMOVSD, select_scalar<std::uint64_t>},
    {ZYDIS_MNEMONIC_MOVLPS, select_half<0>},
    {ZYDIS_MNEMONIC_MOVLPD, select_half<0>},
    {ZYDIS_MNEMONIC_MOVHLPS, select_half<0>},
    {ZYDIS_MNEMONIC_MOVHPS, select_half<1>},
    {ZYDIS_MNEMONIC_MOVHPD, select_half<1>},
    {ZYDIS_MNEMONIC_MOVLHPS, select_half<1>},
};

}  // namespace

std::span<const Row> move_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd

namespace orrery::hypervisor::soft {

bool select_scalar_double_move(const Decoded& decoded, Instruction& record) {
  return simd::select_scalar<std::uint64_t>(decoded, record);
}

}  // namespace orrery::hypervisor::soft
