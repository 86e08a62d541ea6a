// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (SDM vol. 2B, 4.1 "Imm8 control byte operation").
#include <bit>

#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

// imm8[3:2] (table 4-3)
enum class Aggregation : std::uint8_t { kEqualAny, kRanges, kEqualEach, kEqualOrdered };

// The control byte:  6 | 5..4      | 3..2        | 1..0
//                output| polarity  | aggregation | format (bit 0: words, bit 1: signed)
struct Control {
  explicit Control(std::uint8_t immediate)
      : words((immediate & 1u) != 0),
        is_signed((immediate & 2u) != 0),
        aggregation(static_cast<Aggregation>((immediate >> 2) & 3u)),
        negative((immediate & 0x10u) != 0),
        only_valid((immediate & 0x20u) != 0),
        most_significant((immediate & 0x40u) != 0) {}

  unsigned elements() const { return words ? 8 : 16; }

  bool words;
  bool is_signed;
  Aggregation aggregation;
  bool negative;          // the result's bits are inverted ...
  bool only_valid;        // ... but only where the second string goes on
  bool most_significant;  // index of the last match; a mask of elements instead of bits
};

// One operand as elements and how many of them belong to the string.
struct String {
  std::array<std::int32_t, 16> elements{};
  unsigned length = 0;

  bool valid(unsigned n) const { return n < length; }
};

template <typename T>
void spread(const Xmm& value, String& string) {
  const auto lanes = value.as<T>();
  for (unsigned n = 0; n < lanes.size(); ++n) {
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): bytes that are numbers, with their signs
    string.elements[n] = lanes[n];
  }
}

String elements_of(const Xmm& value, const Control& control) {
  String string;
  if (control.words) {
    control.is_signed ? spread<std::int16_t>(value, string) : spread<std::uint16_t>(value, string);
  } else {
    control.is_signed ? spread<std::int8_t>(value, string) : spread<std::uint8_t>(value, string);
  }
  return string;
}

// Up to the first zero element.
String implicit_string(const Xmm& value, const Control& control) {
  String string = elements_of(value, control);
  while (string.length < control.elements() && string.elements[string.length] != 0) ++string.length;
  return string;
}

// By a length in a register, whose magnitude counts and saturates.
String explicit_string(const Xmm& value, const Control& control, std::int64_t length) {
  String string = elements_of(value, control);
  const std::uint64_t magnitude =
      length < 0 ? 0 - static_cast<std::uint64_t>(length) : static_cast<std::uint64_t>(length);
  string.length =
      magnitude > control.elements() ? control.elements() : static_cast<unsigned>(magnitude);
  return string;
}

// Whether element J of the second string matches, by the aggregation (table 4-7 for elements past
// the end of a string).
bool matches(const String& first, const String& second, unsigned j, const Control& control) {
  const auto& a = first.elements;
  const auto& b = second.elements;
  switch (control.aggregation) {
    case Aggregation::kEqualAny:
      for (unsigned n = 0; n < first.length; ++n) {
        if (second.valid(j) && a[n] == b[j]) return true;
      }
      return false;
    case Aggregation::kRanges:
      for (unsigned n = 0; n + 1 < first.length; n += 2) {
        if (second.valid(j) && a[n] <= b[j] && b[j] <= a[n + 1]) return true;
      }
      return false;
    case Aggregation::kEqualEach:
      return first.valid(j) && second.valid(j) ? a[j] == b[j] : first.valid(j) == second.valid(j);
    case Aggregation::kEqualOrdered:
      for (unsigned n = 0; n < first.length && j + n < control.elements(); ++n) {
        if (!second.valid(j + n) || a[n] != b[j + n]) return false;
      }
      return true;
  }
  return false;
}

unsigned match_bits(const String& first, const String& second, const Control& control) {
  unsigned result = 0;
  for (unsigned j = 0; j < control.elements(); ++j) {
    bool bit = matches(first, second, j, control);
    if (control.negative && (!control.only_valid || second.valid(j))) bit = !bit;
    result |= unsigned{bit} << j;
  }
  return result;
}

void set_flags(Cpu& cpu, const String& first, const String& second, unsigned result,
               const Control& control) {
  const auto flag = [](bool value, std::uint64_t mask) { return value ? mask : 0; };
  cpu.flags.set_bits(flag(result != 0, x86::rflags::kCarry) |
                     flag(second.length < control.elements(), x86::rflags::kZero) |
                     flag(first.length < control.elements(), x86::rflags::kSign) |
                     flag((result & 1u) != 0, x86::rflags::kOverflow));
}

void write_index(Cpu& cpu, unsigned result, const Control& control) {
  unsigned index = control.elements();
  if (result != 0) {
    index = control.most_significant ? std::bit_width(result) - 1u
                                     : static_cast<unsigned>(std::countr_zero(result));
  }
  cpu.gpr(x86::Gpr::kRcx) = index;
}

template <typename T>
Xmm widen_bits(unsigned result) {
  Xmm::Lanes<T> lanes{};
  for (unsigned n = 0; n < lanes.size(); ++n) {
    lanes[n] = static_cast<T>(((result >> n) & 1u) != 0 ? -1 : 0);
  }
  return Xmm::from(lanes);
}

template <Form form>
void write_mask(Cpu& cpu, unsigned result, const Control& control) {
  Xmm mask{{result, 0}};
  if (control.most_significant) {
    mask = control.words ? widen_bits<std::uint16_t>(result) : widen_bits<std::uint8_t>(result);
  }
  put_xmm<form>(cpu, 0, mask);
}

enum class Length : std::uint8_t { kImplicit, kExplicit };
enum class Output : std::uint8_t { kIndex, kMask };

// RAX and RDX count with REX.W, EAX and EDX without.
std::int64_t length_in(Cpu& cpu, const Instruction& i, x86::Gpr gpr) {
  const std::uint64_t value = cpu.gpr(gpr);
  return i.operand_size == 8 ? static_cast<std::int64_t>(value)
                             : std::int64_t{static_cast<std::int32_t>(value)};
}

template <Length length, Output output, Form form, Source source>
void execute_string_compare(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  const Control control(static_cast<std::uint8_t>(i.immediate));
  Xmm from;
  if constexpr (source == Source::kMemory) {
    from = load_xmm<Alignment::kAny>(cpu, i);  // the only unaligned ones
  } else {
    from = xmm(cpu, i.source);
  }
  String first;
  String second;
  if constexpr (length == Length::kExplicit) {
    first = explicit_string(xmm(cpu, i.destination), control, length_in(cpu, i, x86::Gpr::kRax));
    second = explicit_string(from, control, length_in(cpu, i, x86::Gpr::kRdx));
  } else {
    first = implicit_string(xmm(cpu, i.destination), control);
    second = implicit_string(from, control);
  }
  const unsigned result = match_bits(first, second, control);
  if constexpr (output == Output::kIndex) {
    write_index(cpu, result, control);
  } else {
    write_mask<form>(cpu, result, control);
  }
  set_flags(cpu, first, second, result, control);
}

template <Length length, Output output>
bool select_string_compare(const Decoded& decoded, Instruction& record) {
  return select_either(decoded, record, []<Form form, Source source>() -> Handler {
    return &step<execute_string_compare<length, output, form, source>>;
  });
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_PCMPESTRI, select_string_compare<Length::kExplicit, Output::kIndex>},
    {ZYDIS_MNEMONIC_PCMPESTRM, select_string_compare<Length::kExplicit, Output::kMask>},
    {ZYDIS_MNEMONIC_PCMPISTRI, select_string_compare<Length::kImplicit, Output::kIndex>},
    {ZYDIS_MNEMONIC_PCMPISTRM, select_string_compare<Length::kImplicit, Output::kMask>},
};

}  // namespace

std::span<const Row> string_compare_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
