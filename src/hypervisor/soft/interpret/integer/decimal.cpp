// Decimal adjustment: AAA, AAS, AAM, AAD, DAA, DAS (SDM vol. 2; not in 64-bit mode, where the
// decoder refuses them).
#include "hypervisor/soft/interpret/integer/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

using namespace x86::rflags;

inline constexpr std::uint8_t kAl = register_offset(0);
inline constexpr std::uint8_t kAx = register_offset(0);
inline constexpr std::uint8_t kAh = register_offset(0) + 1;

enum class After : std::uint8_t { kAddition, kSubtraction };

bool low_digit_overflows(const Cpu& cpu, std::uint8_t al) {
  return (al & 0xf) > 9 || cpu.flags.adjust();
}

// AAA, AAS: unpacked digits, the carry going to AH.
template <After after>
void execute_unpacked_adjust(Cpu& cpu, const Instruction&) {
  constexpr int kSign = after == After::kAddition ? 1 : -1;
  const bool carry = low_digit_overflows(cpu, cpu.reg<std::uint8_t>(kAl));
  if (carry) {
    cpu.set_reg<std::uint16_t>(
        kAx, static_cast<std::uint16_t>(cpu.reg<std::uint16_t>(kAx) + kSign * 0x106));
  }
  const auto al = static_cast<std::uint8_t>(cpu.reg<std::uint8_t>(kAl) & 0xf);
  cpu.set_reg<std::uint8_t>(kAl, al);
  cpu.flags.set_result(al, carry ? kCarry | kAdjust : 0);
}

// DAA, DAS: two packed digits in AL.
template <After after>
void execute_packed_adjust(Cpu& cpu, const Instruction&) {
  constexpr int kSign = after == After::kAddition ? 1 : -1;
  const auto before = cpu.reg<std::uint8_t>(kAl);
  const bool low = low_digit_overflows(cpu, before);
  const bool high = before > 0x99 || cpu.flags.carry();
  // DAS also carries where taking 6 off a small AL borrows.
  const bool borrow = after == After::kSubtraction && low && before < 6;
  const auto al =
      static_cast<std::uint8_t>(before + kSign * ((low ? 0x06 : 0) + (high ? 0x60 : 0)));
  cpu.set_reg<std::uint8_t>(kAl, al);
  cpu.flags.set_result(al, (high || borrow ? kCarry : 0) | (low ? kAdjust : 0));
}

void execute_aam(Cpu& cpu, const Instruction& i) {
  const auto base = static_cast<std::uint8_t>(i.immediate);
  if (base == 0) cpu.raise(x86::Exception::kDivideError);
  const auto before = cpu.reg<std::uint8_t>(kAl);
  const auto al = static_cast<std::uint8_t>(before % base);
  cpu.set_reg<std::uint8_t>(kAh, static_cast<std::uint8_t>(before / base));
  cpu.set_reg<std::uint8_t>(kAl, al);
  cpu.flags.set_logical(al);
}

void execute_aad(Cpu& cpu, const Instruction& i) {
  const auto base = static_cast<std::uint8_t>(i.immediate);
  const auto al =
      static_cast<std::uint8_t>(cpu.reg<std::uint8_t>(kAl) + cpu.reg<std::uint8_t>(kAh) * base);
  cpu.set_reg<std::uint16_t>(kAx, al);
  cpu.flags.set_logical(al);
}

template <auto body>
bool select_decimal(const Decoded&, Instruction& record) {
  return take(record, &step<body>);
}

}  // namespace

std::span<const Row> decimal_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_AAA, select_decimal<execute_unpacked_adjust<After::kAddition>>},
      {ZYDIS_MNEMONIC_AAS, select_decimal<execute_unpacked_adjust<After::kSubtraction>>},
      {ZYDIS_MNEMONIC_DAA, select_decimal<execute_packed_adjust<After::kAddition>>},
      {ZYDIS_MNEMONIC_DAS, select_decimal<execute_packed_adjust<After::kSubtraction>>},
      {ZYDIS_MNEMONIC_AAM, select_decimal<execute_aam>},
      {ZYDIS_MNEMONIC_AAD, select_decimal<execute_aad>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
