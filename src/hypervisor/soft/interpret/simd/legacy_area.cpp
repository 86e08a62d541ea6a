// The FXSAVE area (SDM vol. 1, 10.5.1).
#include "hypervisor/soft/interpret/simd/legacy_area.hpp"

#include "hypervisor/soft/fpu/x87/words.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

constexpr unsigned kStackWord = 2;  // in units of 16 bytes
constexpr unsigned kXmmWord = 10;

std::uint64_t pointer_word(std::uint64_t pointer, Pointers pointers) {
  return pointers == Pointers::k64 ? pointer : pointer & 0xffff'ffff;
}

}  // namespace

void write_x87(Cpu& cpu, std::uint64_t linear, Pointers pointers) {
  const x86::X87& unit = cpu.state.x87;
  const std::uint64_t control_words = unit.control | (std::uint64_t{unit.status} << 16) |
                                      (std::uint64_t{unit.valid} << 32) |
                                      (std::uint64_t{unit.last_opcode} << 48);
  cpu.write<Wide128>(linear, {control_words, pointer_word(unit.last_instruction, pointers)});
  cpu.write<std::uint64_t>(linear + 16, pointer_word(unit.last_operand, pointers));
  for (unsigned i = 0; i < 8; ++i) {
    const x86::Float80& st = unit.registers[x87::physical(unit, i)];
    cpu.write<Wide128>(linear + (kStackWord + i) * 16, {st.significand, st.sign_exponent});
  }
}

void write_mxcsr(Cpu& cpu, std::uint64_t linear) {
  cpu.write<std::uint64_t>(linear + 24, cpu.state.mxcsr | (std::uint64_t{kMxcsrMask} << 32));
}

void write_xmm(Cpu& cpu, std::uint64_t linear) {
  for (unsigned n = 0; n < xmm_registers(cpu); ++n) {
    const x86::Vector& vector = cpu.state.vectors[n];
    cpu.write<Wide128>(linear + (kXmmWord + n) * 16, {vector[0], vector[1]});
  }
}

LegacyArea::LegacyArea(Cpu& cpu, std::uint64_t linear) {
  for (unsigned n = 0; n < words_.size(); ++n) words_[n] = cpu.read<Wide128>(linear + n * 16);
}

void LegacyArea::load_x87(Cpu& cpu, Pointers pointers) const {
  x86::X87& unit = cpu.state.x87;
  const std::uint64_t words = words_[0].low;
  unit.status = static_cast<std::uint16_t>(words >> 16);
  unit.valid = static_cast<std::uint8_t>(words >> 32);
  unit.last_opcode = static_cast<std::uint16_t>((words >> 48) & 0x7ff);
  unit.last_instruction = pointer_word(words_[0].high, pointers);
  unit.last_instruction_selector = 0;
  unit.last_operand = pointer_word(words_[1].low, pointers);
  unit.last_operand_selector = 0;
  x87::set_control(unit, static_cast<std::uint16_t>(words));
  for (unsigned i = 0; i < 8; ++i) {
    const Wide128& st = words_[kStackWord + i];
    unit.registers[x87::physical(unit, i)] = {st.low, static_cast<std::uint16_t>(st.high)};
  }
}

void LegacyArea::load_xmm(Cpu& cpu) const {
  for (unsigned n = 0; n < xmm_registers(cpu); ++n) {
    cpu.state.vectors[n][0] = words_[kXmmWord + n].low;
    cpu.state.vectors[n][1] = words_[kXmmWord + n].high;
  }
}

void initialize_x87(Cpu& cpu) {
  cpu.state.x87 = x86::X87{};
}

void initialize_xmm(Cpu& cpu) {
  for (unsigned n = 0; n < xmm_registers(cpu); ++n) {
    cpu.state.vectors[n][0] = 0;
    cpu.state.vectors[n][1] = 0;
  }
}

}  // namespace orrery::hypervisor::soft::simd
