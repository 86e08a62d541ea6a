// FNSTENV, FLDENV, FNSAVE, FRSTOR in their four layouts (SDM vol. 1, 8.1.10, figures 8-9 to 8-12).
//
//              16-bit, 14 bytes     32-bit, 28 bytes; upper halves reserved, stored as ones
//   word 0     FCW                  FCW
//   word 1     FSW                  FSW
//   word 2     FTW                  FTW
//   word 3     FIP                  FIP
//   word 4     FCS                  FOP : FCS
//   word 5     FDP                  FDP
//   word 6     FDS                  FDS
//
// Outside protected mode words 3 to 6 hold linear addresses: the low 16 bits, then the rest from
// bit 12 on with FOP below. FCS and FDS read as zero (deprecated, CPUID.7.EBX[13]).
#include <array>

#include "hypervisor/soft/fpu/x87/form.hpp"

namespace orrery::hypervisor::soft::x87 {

namespace {

constexpr unsigned kWords = 7;
constexpr unsigned kRegisterBytes = 80;
using Words = std::array<std::uint32_t, kWords>;

bool is_protected(const Cpu& cpu) {
  return cpu.state.protected_mode() && !cpu.state.virtual_8086();
}

// ---- The full tag word (SDM vol. 1, 8.1.7): 0 valid, 1 zero, 2 special, 3 empty

unsigned tag_of(const x86::X87& unit, unsigned n) {
  if (((unit.valid >> n) & 1u) == 0) return 3;
  const Float80& value = unit.registers[n];
  const unsigned exponent = value.sign_exponent & 0x7fffu;
  if (exponent == 0 && value.significand == 0) return 1;
  const bool normal = exponent != 0 && exponent != 0x7fff && (value.significand >> 63) != 0;
  return normal ? 0 : 2;
}

std::uint16_t tag_word(const x86::X87& unit) {
  unsigned word = 0;
  for (unsigned n = 0; n < 8; ++n) word |= tag_of(unit, n) << (2 * n);
  return static_cast<std::uint16_t>(word);
}

std::uint8_t valid_of(std::uint32_t tags) {
  unsigned valid = 0;
  for (unsigned n = 0; n < 8; ++n) {
    if (((tags >> (2 * n)) & 3u) != 3) valid |= 1u << n;
  }
  return static_cast<std::uint8_t>(valid);
}

// ---- The environment as words

Words words_of(const Cpu& cpu, unsigned size) {
  const x86::X87& unit = cpu.state.x87;
  const auto ip = static_cast<std::uint32_t>(unit.last_instruction);
  const auto dp = static_cast<std::uint32_t>(unit.last_operand);
  const std::uint32_t opcode = unit.last_opcode;
  Words words{unit.control, unit.status, tag_word(unit), 0, 0, 0, 0};
  if (is_protected(cpu)) {
    words[3] = ip;
    words[4] = size == 4 ? opcode << 16 : 0;
    words[5] = dp;
  } else {
    words[3] = ip & 0xffff;
    words[4] = ((ip >> 16) << 12) | opcode;
    words[5] = dp & 0xffff;
    words[6] = (dp >> 16) << 12;
  }
  return words;
}

std::uint32_t with_reserved_ones(const Cpu& cpu, unsigned n, std::uint32_t word) {
  const bool half = n < 3 || n == 6 || (!is_protected(cpu) && n != 4);
  return half && (n != 6 || is_protected(cpu)) ? word | 0xffff'0000 : word;
}

void write_words(Cpu& cpu, std::uint64_t linear, unsigned size) {
  const Words words = words_of(cpu, size);
  for (unsigned n = 0; n < kWords; ++n) {
    if (size == 4) {
      cpu.write<std::uint32_t>(linear + n * 4, with_reserved_ones(cpu, n, words[n]));
    } else {
      cpu.write<std::uint16_t>(linear + n * 2, static_cast<std::uint16_t>(words[n]));
    }
  }
}

Words read_words(Cpu& cpu, std::uint64_t linear, unsigned size) {
  Words words{};
  for (unsigned n = 0; n < kWords; ++n) {
    words[n] = size == 4 ? cpu.read<std::uint32_t>(linear + n * 4)
                         : cpu.read<std::uint16_t>(linear + n * 2);
  }
  return words;
}

void load_words(Cpu& cpu, const Words& words, unsigned size) {
  x86::X87& unit = cpu.state.x87;
  unit.status = static_cast<std::uint16_t>(words[1]);
  unit.valid = valid_of(words[2]);
  if (is_protected(cpu)) {
    unit.last_instruction = words[3];
    unit.last_operand = words[5];
    unit.last_opcode = size == 4 ? static_cast<std::uint16_t>((words[4] >> 16) & 0x7ff) : 0;
  } else {
    unit.last_instruction = (words[3] & 0xffff) | ((words[4] >> 12) << 16);
    unit.last_operand = (words[5] & 0xffff) | ((words[6] >> 12) << 16);
    unit.last_opcode = static_cast<std::uint16_t>(words[4] & 0x7ff);
  }
  unit.last_instruction_selector = 0;
  unit.last_operand_selector = 0;
  set_control(unit, static_cast<std::uint16_t>(words[0]));
}

// ---- Instructions

unsigned word_size(const Instruction& i) {
  return i.operand_size == 2 ? 2 : 4;
}

// Where SIZE bytes are to be read or written. The last one is probed first, as processors do with
// an operand that may lie on two pages.
std::uint64_t readable(Cpu& cpu, const Instruction& i, unsigned size) {
  const std::uint64_t linear = cpu.operand_linear(i, 0, size, Access::kRead);
  cpu.read<std::uint8_t>(linear + size - 1);
  return linear;
}

std::uint64_t writable(Cpu& cpu, const Instruction& i, unsigned size) {
  const std::uint64_t linear = cpu.operand_linear(i, 0, size, Access::kWrite);
  cpu.probe_write(linear + size - 1, 1);
  cpu.probe_write(linear, size);
  return linear;
}

void execute_store_environment(Cpu& cpu, const Instruction& i) {
  require_unit(cpu);
  const unsigned size = word_size(i);
  const std::uint64_t linear = writable(cpu, i, kWords * size);
  write_words(cpu, linear, size);
  set_control(cpu.state.x87, cpu.state.x87.control | control::kMasks);
}

void execute_load_environment(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  const unsigned size = word_size(i);
  const std::uint64_t linear = readable(cpu, i, kWords * size);
  load_words(cpu, read_words(cpu, linear, size), size);
}

// The environment, then ST0 to ST7 in ten bytes each; the unit is initialized afterwards.
void execute_save(Cpu& cpu, const Instruction& i) {
  require_unit(cpu);
  const unsigned size = word_size(i);
  const std::uint64_t linear = writable(cpu, i, kWords * size + kRegisterBytes);
  write_words(cpu, linear, size);
  x86::X87& unit = cpu.state.x87;
  for (unsigned n = 0; n < 8; ++n) {
    const Float80& st = unit.registers[physical(unit, n)];
    const std::uint64_t at = linear + kWords * size + n * 10;
    cpu.write<std::uint64_t>(at, st.significand);
    cpu.write<std::uint16_t>(at + 8, st.sign_exponent);
  }
  const auto registers = unit.registers;
  unit = x86::X87{};
  unit.registers = registers;
}

void execute_restore(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  const unsigned size = word_size(i);
  const std::uint64_t linear = readable(cpu, i, kWords * size + kRegisterBytes);
  const Words words = read_words(cpu, linear, size);
  std::array<Float80, 8> stack;
  for (unsigned n = 0; n < 8; ++n) {
    const std::uint64_t at = linear + kWords * size + n * 10;
    stack[n] = {cpu.read<std::uint64_t>(at), cpu.read<std::uint16_t>(at + 8)};
  }
  load_words(cpu, words, size);
  x86::X87& unit = cpu.state.x87;
  for (unsigned n = 0; n < 8; ++n) unit.registers[physical(unit, n)] = stack[n];
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_FNSTENV, select<execute_store_environment>},
    {ZYDIS_MNEMONIC_FLDENV, select<execute_load_environment>},
    {ZYDIS_MNEMONIC_FNSAVE, select<execute_save>},
    {ZYDIS_MNEMONIC_FRSTOR, select<execute_restore>},
};

}  // namespace

std::span<const Row> environment_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::x87
