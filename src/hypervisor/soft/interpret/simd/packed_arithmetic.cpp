// Packed integer arithmetic and comparison, MMX to SSE4.2 (SDM vol. 1, 9.4, 11.4.2, 12.5 to 12.12;
// vol. 2B under P...).
#include <cstdlib>

#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

using std::int16_t;
using std::int32_t;
using std::int64_t;
using std::int8_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

// ---- Lane by lane

struct Add {
  template <typename T>
  static constexpr T of(T a, T b) {
    return static_cast<T>(a + b);
  }
};
struct Subtract {
  template <typename T>
  static constexpr T of(T a, T b) {
    return static_cast<T>(a - b);
  }
};
// For lanes of up to 16 bits.
struct AddSaturating {
  template <typename T>
  static constexpr T of(T a, T b) {
    return saturate<T>(int64_t{a} + b);
  }
};
struct SubtractSaturating {
  template <typename T>
  static constexpr T of(T a, T b) {
    return saturate<T>(int64_t{a} - b);
  }
};
struct MultiplyLow {
  template <typename T>
  static constexpr T of(T a, T b) {
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};
struct MultiplyHigh {
  template <typename T>
  static constexpr T of(T a, T b) {
    return static_cast<T>((int64_t{a} * b) >> (8 * sizeof(T)));
  }
};
// The middle 16 bits of the product, rounded (PMULHRSW).
struct MultiplyHighRounded {
  static constexpr int16_t of(int16_t a, int16_t b) {
    return static_cast<int16_t>((((int32_t{a} * b) >> 14) + 1) >> 1);
  }
};
// Products of the low halves of 64-bit lanes; Half says how they are read.
template <typename Half>
struct MultiplyHalves {
  static constexpr uint64_t of(uint64_t a, uint64_t b) {
    return static_cast<uint64_t>(int64_t{static_cast<Half>(a)} *
                                 static_cast<int64_t>(static_cast<Half>(b)));
  }
};
template <>
struct MultiplyHalves<uint32_t> {
  static constexpr uint64_t of(uint64_t a, uint64_t b) {
    return (a & 0xffff'ffff) * (b & 0xffff'ffff);
  }
};
struct Average {
  template <typename T>
  static constexpr T of(T a, T b) {
    return static_cast<T>((unsigned{a} + b + 1) >> 1);
  }
};
struct Minimum {
  template <typename T>
  static constexpr T of(T a, T b) {
    return a < b ? a : b;
  }
};
struct Maximum {
  template <typename T>
  static constexpr T of(T a, T b) {
    return a > b ? a : b;
  }
};
struct Equal {
  template <typename T>
  static constexpr T of(T a, T b) {
    return static_cast<T>(a == b ? -1 : 0);
  }
};
struct Greater {
  template <typename T>
  static constexpr T of(T a, T b) {
    return static_cast<T>(a > b ? -1 : 0);
  }
};
// Lanes are unsigned, so that the most negative value stays itself.
struct Absolute {
  template <typename T>
  static constexpr T of(T a) {
    return static_cast<std::make_signed_t<T>>(a) < 0 ? static_cast<T>(0 - a) : a;
  }
};
struct Sign {
  template <typename T>
  static constexpr T of(T a, T b) {
    const auto sign = static_cast<std::make_signed_t<T>>(b);
    return sign < 0 ? static_cast<T>(0 - a) : sign == 0 ? T{0} : a;
  }
};

// ---- Neighbours combined

// Pairs of neighbouring lanes, the destination's first (PHADD, PHSUB).
template <typename T, typename Function>
struct Horizontal {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source) {
    const auto a = destination.template as<T>();
    const auto b = source.template as<T>();
    auto result = a;
    const unsigned half = result.size() / 2;
    for (unsigned n = 0; n < half; ++n) {
      result[n] = Function::of(a[2 * n], a[2 * n + 1]);
      result[half + n] = Function::of(b[2 * n], b[2 * n + 1]);
    }
    return Packed<kBytes>::from(result);
  }
};

// Sums of the products of neighbouring narrow lanes (PMADDWD wraps, PMADDUBSW saturates).
template <typename A, typename B, typename Wide>
struct MultiplyAdd {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source) {
    const auto a = destination.template as<A>();
    const auto b = source.template as<B>();
    typename Packed<kBytes>::template Lanes<Wide> result{};
    for (unsigned n = 0; n < result.size(); ++n) {
      const int64_t sum = int64_t{a[2 * n]} * b[2 * n] + int64_t{a[2 * n + 1]} * b[2 * n + 1];
      result[n] = sizeof(Wide) == 2 ? saturate<Wide>(sum) : static_cast<Wide>(sum);
    }
    return Packed<kBytes>::from(result);
  }
};

constexpr unsigned distance(uint8_t a, uint8_t b) {
  return a < b ? unsigned{b} - a : unsigned{a} - b;
}

struct SumOfDistances {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source) {
    const auto a = destination.template as<uint8_t>();
    const auto b = source.template as<uint8_t>();
    Packed<kBytes> result;
    for (unsigned n = 0; n < kBytes; ++n) result.quads[n / 8] += distance(a[n], b[n]);
    return result;
  }
};

// Eight sums of four distances each; the immediate chooses the blocks (MPSADBW).
struct SlidingSumOfDistances {
  static constexpr unsigned kImmediateStep = 3;

  static constexpr Xmm apply(Xmm destination, Xmm source, uint8_t immediate) {
    const auto a = destination.as<uint8_t>();
    const auto b = source.as<uint8_t>();
    const unsigned from_a = (immediate & 4u) != 0 ? 4 : 0;
    const unsigned from_b = (immediate & 3u) * 4;
    Xmm::Lanes<uint16_t> result{};
    for (unsigned n = 0; n < 8; ++n) {
      unsigned sum = 0;
      for (unsigned k = 0; k < 4; ++k) sum += distance(a[from_a + n + k], b[from_b + k]);
      result[n] = static_cast<uint16_t>(sum);
    }
    return Xmm::from(result);
  }
};

// The least lane and its number (PHMINPOSUW).
struct MinimumPosition {
  static constexpr Xmm apply(Xmm, Xmm source) {
    const auto lanes = source.as<uint16_t>();
    unsigned least = 0;
    for (unsigned n = 1; n < lanes.size(); ++n) {
      if (lanes[n] < lanes[least]) least = n;
    }
    return {{lanes[least] | (uint64_t{least} << 16), 0}};
  }
};

template <typename T, typename Function>
constexpr Selector kPacked = select_packed<Lanewise<T, Function>>;
template <typename T, typename Function>
constexpr Selector kXmm = select_xmm<Lanewise<T, Function>>;
template <typename T>
constexpr Selector kAbsolute = select_packed<LanewiseUnary<T, Absolute>>;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_PADDB, kPacked<uint8_t, Add>},
    {ZYDIS_MNEMONIC_PADDW, kPacked<uint16_t, Add>},
    {ZYDIS_MNEMONIC_PADDD, kPacked<uint32_t, Add>},
    {ZYDIS_MNEMONIC_PADDQ, kPacked<uint64_t, Add>},
    {ZYDIS_MNEMONIC_PADDSB, kPacked<int8_t, AddSaturating>},
    {ZYDIS_MNEMONIC_PADDSW, kPacked<int16_t, AddSaturating>},
    {ZYDIS_MNEMONIC_PADDUSB, kPacked<uint8_t, AddSaturating>},
    {ZYDIS_MNEMONIC_PADDUSW, kPacked<uint16_t, AddSaturating>},
    {ZYDIS_MNEMONIC_PSUBB, kPacked<uint8_t, Subtract>},
    {ZYDIS_MNEMONIC_PSUBW, kPacked<uint16_t, Subtract>},
    {ZYDIS_MNEMONIC_PSUBD, kPacked<uint32_t, Subtract>},
    {ZYDIS_MNEMONIC_PSUBQ, kPacked<uint64_t, Subtract>},
    {ZYDIS_MNEMONIC_PSUBSB, kPacked<int8_t, SubtractSaturating>},
    {ZYDIS_MNEMONIC_PSUBSW, kPacked<int16_t, SubtractSaturating>},
    {ZYDIS_MNEMONIC_PSUBUSB, kPacked<uint8_t, SubtractSaturating>},
    {ZYDIS_MNEMONIC_PSUBUSW, kPacked<uint16_t, SubtractSaturating>},
    {ZYDIS_MNEMONIC_PMULLW, kPacked<uint16_t, MultiplyLow>},
    {ZYDIS_MNEMONIC_PMULLD, kXmm<uint32_t, MultiplyLow>},
    {ZYDIS_MNEMONIC_PMULHW, kPacked<int16_t, MultiplyHigh>},
    {ZYDIS_MNEMONIC_PMULHUW, kPacked<uint16_t, MultiplyHigh>},
    {ZYDIS_MNEMONIC_PMULHRSW, kPacked<int16_t, MultiplyHighRounded>},
    {ZYDIS_MNEMONIC_PMULUDQ, kPacked<uint64_t, MultiplyHalves<uint32_t>>},
    {ZYDIS_MNEMONIC_PMULDQ, kXmm<uint64_t, MultiplyHalves<int32_t>>},
    {ZYDIS_MNEMONIC_PMADDWD, select_packed<MultiplyAdd<int16_t, int16_t, int32_t>>},
    {ZYDIS_MNEMONIC_PMADDUBSW, select_packed<MultiplyAdd<uint8_t, int8_t, int16_t>>},
    {ZYDIS_MNEMONIC_PSADBW, select_packed<SumOfDistances>},
    {ZYDIS_MNEMONIC_MPSADBW, select_xmm<SlidingSumOfDistances>},
    {ZYDIS_MNEMONIC_PHMINPOSUW, select_xmm<MinimumPosition>},
    {ZYDIS_MNEMONIC_PAVGB, kPacked<uint8_t, Average>},
    {ZYDIS_MNEMONIC_PAVGW, kPacked<uint16_t, Average>},
    {ZYDIS_MNEMONIC_PMINUB, kPacked<uint8_t, Minimum>},
    {ZYDIS_MNEMONIC_PMINSW, kPacked<int16_t, Minimum>},
    {ZYDIS_MNEMONIC_PMINSB, kXmm<int8_t, Minimum>},
    {ZYDIS_MNEMONIC_PMINUW, kXmm<uint16_t, Minimum>},
    {ZYDIS_MNEMONIC_PMINSD, kXmm<int32_t, Minimum>},
    {ZYDIS_MNEMONIC_PMINUD, kXmm<uint32_t, Minimum>},
    {ZYDIS_MNEMONIC_PMAXUB, kPacked<uint8_t, Maximum>},
    {ZYDIS_MNEMONIC_PMAXSW, kPacked<int16_t, Maximum>},
    {ZYDIS_MNEMONIC_PMAXSB, kXmm<int8_t, Maximum>},
    {ZYDIS_MNEMONIC_PMAXUW, kXmm<uint16_t, Maximum>},
    {ZYDIS_MNEMONIC_PMAXSD, kXmm<int32_t, Maximum>},
    {ZYDIS_MNEMONIC_PMAXUD, kXmm<uint32_t, Maximum>},
    {ZYDIS_MNEMONIC_PCMPEQB, kPacked<uint8_t, Equal>},
    {ZYDIS_MNEMONIC_PCMPEQW, kPacked<uint16_t, Equal>},
    {ZYDIS_MNEMONIC_PCMPEQD, kPacked<uint32_t, Equal>},
    {ZYDIS_MNEMONIC_PCMPEQQ, kXmm<uint64_t, Equal>},
    {ZYDIS_MNEMONIC_PCMPGTB, kPacked<int8_t, Greater>},
    {ZYDIS_MNEMONIC_PCMPGTW, kPacked<int16_t, Greater>},
    {ZYDIS_MNEMONIC_PCMPGTD, kPacked<int32_t, Greater>},
    {ZYDIS_MNEMONIC_PCMPGTQ, kXmm<int64_t, Greater>},
    {ZYDIS_MNEMONIC_PABSB, kAbsolute<uint8_t>},
    {ZYDIS_MNEMONIC_PABSW, kAbsolute<uint16_t>},
    {ZYDIS_MNEMONIC_PABSD, kAbsolute<uint32_t>},
    {ZYDIS_MNEMONIC_PSIGNB, kPacked<uint8_t, Sign>},
    {ZYDIS_MNEMONIC_PSIGNW, kPacked<uint16_t, Sign>},
    {ZYDIS_MNEMONIC_PSIGND, kPacked<uint32_t, Sign>},
    {ZYDIS_MNEMONIC_PHADDW, select_packed<Horizontal<uint16_t, Add>>},
    {ZYDIS_MNEMONIC_PHADDD, select_packed<Horizontal<uint32_t, Add>>},
    {ZYDIS_MNEMONIC_PHADDSW, select_packed<Horizontal<int16_t, AddSaturating>>},
    {ZYDIS_MNEMONIC_PHSUBW, select_packed<Horizontal<uint16_t, Subtract>>},
    {ZYDIS_MNEMONIC_PHSUBD, select_packed<Horizontal<uint32_t, Subtract>>},
    {ZYDIS_MNEMONIC_PHSUBSW, select_packed<Horizontal<int16_t, SubtractSaturating>>},
};

}  // namespace

std::span<const Row> packed_arithmetic_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
