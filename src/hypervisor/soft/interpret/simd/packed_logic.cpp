// Bitwise logic and shifts of vectors, PTEST (SDM vol. 2A/2B under AND.., P..).
#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

struct And {
  static constexpr std::uint64_t of(std::uint64_t a, std::uint64_t b) { return a & b; }
};
struct AndNot {
  static constexpr std::uint64_t of(std::uint64_t a, std::uint64_t b) { return ~a & b; }
};
struct Or {
  static constexpr std::uint64_t of(std::uint64_t a, std::uint64_t b) { return a | b; }
};
struct Xor {
  static constexpr std::uint64_t of(std::uint64_t a, std::uint64_t b) { return a ^ b; }
};
template <typename Function>
using Bitwise = Lanewise<std::uint64_t, Function>;

// Shifts of every lane by one count: the low 64 bits of the source. A count of the lane's width or
// more empties the lane, or leaves only its sign.
struct Left {
  template <typename T>
  static constexpr T of(T value, std::uint64_t count) {
    return count >= 8 * sizeof(T) ? T{0} : static_cast<T>(value << count);
  }
};
struct Right {  // arithmetic where T is signed
  template <typename T>
  static constexpr T of(T value, std::uint64_t count) {
    constexpr std::uint64_t kBits = 8 * sizeof(T);
    if constexpr (std::is_signed_v<T>)
      return static_cast<T>(value >> (count < kBits ? count : kBits - 1));
    return count >= kBits ? T{0} : static_cast<T>(value >> (count % kBits));
  }
};
template <typename T, typename Function>
struct Shift {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source) {
    auto lanes = destination.template as<T>();
    for (T& lane : lanes) lane = Function::of(lane, source.quads[0]);
    return Packed<kBytes>::from(lanes);
  }
};

// Whole registers by bytes (PSLLDQ, PSRLDQ).
template <typename Function>
struct ShiftBytes {
  static constexpr Xmm apply(Xmm destination, Xmm source) {
    const std::uint64_t bits = source.quads[0] > 15 ? 128 : source.quads[0] * 8;
    const auto whole = std::bit_cast<unsigned __int128>(destination.quads);
    return {std::bit_cast<decltype(Xmm::quads)>(Function::of(whole, bits))};
  }
};

template <typename Function>
bool select_shift_bytes(const Decoded& decoded, Instruction& record) {
  if (is_vex(decoded)) return select_vex_shift<ShiftBytes<Function>>(decoded, record);
  fill_registers(decoded, record);
  record.handler = &step<execute<ShiftBytes<Function>, 16, Source::kImmediate>>;
  return true;
}

// ZF: no common bit. CF: the source within the destination. The other four are cleared. Only the
// bits of MASK count: all for PTEST, the lanes' signs for VTESTPS and VTESTPD.
template <std::size_t kParts>
void set_test_flags(Cpu& cpu, const std::array<Xmm, kParts>& first,
                    const std::array<Xmm, kParts>& second, std::uint64_t mask) {
  std::uint64_t common = 0;
  std::uint64_t beyond = 0;
  for (unsigned n = 0; n < 2 * kParts; ++n) {
    const std::uint64_t a = first[n / 2].quads[n % 2];
    const std::uint64_t b = second[n / 2].quads[n % 2];
    common |= a & b & mask;
    beyond |= ~a & b & mask;
  }
  cpu.flags.set_bits((common == 0 ? x86::rflags::kZero : 0) |
                     (beyond == 0 ? x86::rflags::kCarry : 0));
}

template <Source source>
void execute_ptest(Cpu& cpu, const Instruction& i) {
  require_sse(cpu);
  const Xmm from = fetch<void, 16, source>(cpu, i);
  set_test_flags<1>(cpu, {xmm(cpu, i.destination)}, {from}, ~std::uint64_t{0});
}

template <std::uint64_t mask, unsigned kBytes, Source source>
void execute_vex_test(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto second = fetch_parts<void, kBytes, source>(cpu, i);
  set_test_flags(cpu, parts_of<kBytes>(cpu, i.destination), second, mask);
}

template <std::uint64_t mask>
bool select_vex_test(const Decoded& decoded, Instruction& record) {
  return select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler {
    return &step<execute_vex_test<mask, kBytes, source>>;
  });
}

bool select_ptest(const Decoded& decoded, Instruction& record) {
  if (is_vex(decoded)) return select_vex_test<~std::uint64_t{0}>(decoded, record);
  fill_registers(decoded, record);
  record.handler = is_register(decoded, 1) ? &step<execute_ptest<Source::kRegister>>
                                           : &step<execute_ptest<Source::kMemory>>;
  return true;
}

constexpr Selector kAnd = select_packed<Bitwise<And>>;
constexpr Selector kAndNot = select_packed<Bitwise<AndNot>>;
constexpr Selector kOr = select_packed<Bitwise<Or>>;
constexpr Selector kXor = select_packed<Bitwise<Xor>>;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_PAND, kAnd},
    {ZYDIS_MNEMONIC_ANDPS, kAnd},
    {ZYDIS_MNEMONIC_ANDPD, kAnd},
    {ZYDIS_MNEMONIC_PANDN, kAndNot},
    {ZYDIS_MNEMONIC_ANDNPS, kAndNot},
    {ZYDIS_MNEMONIC_ANDNPD, kAndNot},
    {ZYDIS_MNEMONIC_POR, kOr},
    {ZYDIS_MNEMONIC_ORPS, kOr},
    {ZYDIS_MNEMONIC_ORPD, kOr},
    {ZYDIS_MNEMONIC_PXOR, kXor},
    {ZYDIS_MNEMONIC_XORPS, kXor},
    {ZYDIS_MNEMONIC_XORPD, kXor},
    {ZYDIS_MNEMONIC_PTEST, select_ptest},
    {ZYDIS_MNEMONIC_VTESTPS, select_vex_test<0x8000'0000'8000'0000>},
    {ZYDIS_MNEMONIC_VTESTPD, select_vex_test<0x8000'0000'0000'0000>},
    {ZYDIS_MNEMONIC_PSLLW, select_shift<Shift<std::uint16_t, Left>>},
    {ZYDIS_MNEMONIC_PSLLD, select_shift<Shift<std::uint32_t, Left>>},
    {ZYDIS_MNEMONIC_PSLLQ, select_shift<Shift<std::uint64_t, Left>>},
    {ZYDIS_MNEMONIC_PSRLW, select_shift<Shift<std::uint16_t, Right>>},
    {ZYDIS_MNEMONIC_PSRLD, select_shift<Shift<std::uint32_t, Right>>},
    {ZYDIS_MNEMONIC_PSRLQ, select_shift<Shift<std::uint64_t, Right>>},
    {ZYDIS_MNEMONIC_PSRAW, select_shift<Shift<std::int16_t, Right>>},
    {ZYDIS_MNEMONIC_PSRAD, select_shift<Shift<std::int32_t, Right>>},
    {ZYDIS_MNEMONIC_PSLLDQ, select_shift_bytes<Left>},
    {ZYDIS_MNEMONIC_PSRLDQ, select_shift_bytes<Right>},
};

}  // namespace

std::span<const Row> packed_logic_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
