// How an x87 form is told from its bytes: the escape opcode D8 .. DF and ModR/M say everything (SDM
// vol. 2D, B.17). Also where FOP is made, which the record carries in `immediate`.
#pragma once

#include <span>

#include "hypervisor/soft/decode/table.hpp"
#include "hypervisor/soft/fpu/soft_float/convert.hpp"
#include "hypervisor/soft/fpu/x87/unit.hpp"

namespace orrery::hypervisor::soft::x87 {

inline bool has_memory(const Decoded& decoded) {
  return decoded.info.raw.modrm.mod != 3;
}
// ST(i) of a register form.
inline std::uint8_t stack_index(const Decoded& decoded) {
  return decoded.info.raw.modrm.rm;
}
inline void fill_opcode(const Decoded& decoded, Instruction& record) {
  const auto& modrm = decoded.info.raw.modrm;
  record.immediate = ((decoded.info.opcode & 7u) << 8) | (unsigned{modrm.mod} << 6) |
                     (unsigned{modrm.reg} << 3) | modrm.rm;
}

// One handler for all forms; `source` is ST(i).
template <auto body>
bool select(const Decoded& decoded, Instruction& record) {
  fill_opcode(decoded, record);
  record.source = stack_index(decoded);
  record.handler = &step<body>;
  return true;
}

// Operands in memory as numbers. Float16 does not exist; m80 is no operand of arithmetic.
enum class Memory : std::uint8_t { kFloat32, kFloat64, kInteger16, kInteger32, kInteger64 };

inline Number from_exact(const Exact& value) {
  return {value.kind, value.sign, false, value.exponent,
          static_cast<std::uint64_t>(value.significand >> 64)};
}

template <Memory memory>
Number load_number(Cpu& cpu, const Instruction& i) {
  if constexpr (memory == Memory::kFloat32) {
    return soft_float::unpack<soft_float::Binary32>(cpu.load<std::uint32_t>(i));
  } else if constexpr (memory == Memory::kFloat64) {
    return soft_float::unpack<soft_float::Binary64>(cpu.load<std::uint64_t>(i));
  } else if constexpr (memory == Memory::kInteger16) {
    return from_exact(
        soft_float::from_integer(static_cast<std::int16_t>(cpu.load<std::uint16_t>(i))));
  } else if constexpr (memory == Memory::kInteger32) {
    return from_exact(
        soft_float::from_integer(static_cast<std::int32_t>(cpu.load<std::uint32_t>(i))));
  } else {
    return from_exact(
        soft_float::from_integer(static_cast<std::int64_t>(cpu.load<std::uint64_t>(i))));
  }
}

// The groups that together are x87_rows().
std::span<const Row> arithmetic_rows();
std::span<const Row> compare_rows();
std::span<const Row> transfer_rows();
std::span<const Row> control_word_rows();
std::span<const Row> environment_rows();
std::span<const Row> transcendental_rows();

}  // namespace orrery::hypervisor::soft::x87
