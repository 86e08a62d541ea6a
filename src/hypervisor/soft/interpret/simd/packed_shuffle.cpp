// Rearranging lanes: unpack, pack, shuffle, align, blend, widen (SDM vol. 1, 9.4.4
// to 9.4.5, 11.4.2, 12.6, 12.10).
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

enum class Half : uint8_t { kLow, kHigh };

// Lanes of one half of both operands, interleaved. The MMX forms of the low half read only 4 bytes
// of memory.
template <typename T, Half half>
struct Unpack {
  template <unsigned kBytes>
  static constexpr unsigned kMemoryBytes = kBytes == 8 && half == Half::kLow ? 4 : kBytes;

  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source) {
    const auto a = destination.template as<T>();
    const auto b = source.template as<T>();
    auto result = a;
    const unsigned count = result.size() / 2;
    const unsigned first = half == Half::kHigh ? count : 0;
    for (unsigned n = 0; n < count; ++n) {
      result[2 * n] = a[first + n];
      result[2 * n + 1] = b[first + n];
    }
    return Packed<kBytes>::from(result);
  }
};

// Signed lanes narrowed with saturation; the destination's make the low half.
template <typename Wide, typename Narrow>
struct Pack {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source) {
    const auto a = destination.template as<Wide>();
    const auto b = source.template as<Wide>();
    typename Packed<kBytes>::template Lanes<Narrow> result{};
    for (unsigned n = 0; n < a.size(); ++n) {
      result[n] = saturate<Narrow>(a[n]);
      result[a.size() + n] = saturate<Narrow>(b[n]);
    }
    return Packed<kBytes>::from(result);
  }
};

// Each byte of the source chooses one of the destination's, or zero (PSHUFB).
struct ShuffleBytes {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source) {
    const auto from = destination.template as<uint8_t>();
    auto lanes = source.template as<uint8_t>();
    for (uint8_t& lane : lanes) lane = (lane & 0x80u) != 0 ? uint8_t{0} : from[lane % kBytes];
    return Packed<kBytes>::from(lanes);
  }
};

// Four lanes of the source from kFirst on, each chosen by two bits of the immediate; the others are
// copied (PSHUFD, PSHUFLW, PSHUFHW, PSHUFW).
template <typename T, unsigned kFirst>
struct ShuffleFour {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes>, Packed<kBytes> source, uint8_t immediate) {
    const auto from = source.template as<T>();
    auto result = from;
    for (unsigned n = 0; n < 4; ++n) {
      result[kFirst + n] = from[kFirst + ((immediate >> (2 * n)) & 3u)];
    }
    return Packed<kBytes>::from(result);
  }
};

// The low half chosen from the destination, the high half from the source (SHUFPS, SHUFPD).
template <typename T>
struct ShuffleBoth {
  static constexpr unsigned kImmediateStep = sizeof(T) == 8 ? 2 : 0;

  static constexpr Xmm apply(Xmm destination, Xmm source, uint8_t immediate) {
    const auto a = destination.as<T>();
    const auto b = source.as<T>();
    constexpr unsigned kLanes = 16 / sizeof(T);
    constexpr unsigned kBits = kLanes == 4 ? 2 : 1;
    Xmm::Lanes<T> result{};
    for (unsigned n = 0; n < kLanes; ++n) {
      const unsigned chosen = (immediate >> (kBits * n)) & (kLanes - 1);
      result[n] = n < kLanes / 2 ? a[chosen] : b[chosen];
    }
    return Xmm::from(result);
  }
};

// Bytes from the immediate on of destination:source (PALIGNR).
struct Align {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source,
                                        uint8_t immediate) {
    const auto high = destination.template as<uint8_t>();
    const auto low = source.template as<uint8_t>();
    typename Packed<kBytes>::template Lanes<uint8_t> result{};
    for (unsigned n = 0; n < kBytes; ++n) {
      const unsigned from = n + immediate;
      result[n] = from < kBytes ? low[from] : from < 2 * kBytes ? high[from - kBytes] : uint8_t{0};
    }
    return Packed<kBytes>::from(result);
  }
};

// Lanes from the source where the immediate's bit is set (PBLENDW, BLENDPS, BLENDPD).
template <typename T>
struct BlendImmediate {
  static constexpr unsigned kImmediateStep = sizeof(T) == 2 ? 0 : 16 / sizeof(T);

  static constexpr Xmm apply(Xmm destination, Xmm source, uint8_t immediate) {
    auto result = destination.as<T>();
    const auto other = source.as<T>();
    for (unsigned n = 0; n < result.size(); ++n) {
      if (((immediate >> n) & 1u) != 0) result[n] = other[n];
    }
    return Xmm::from(result);
  }
};

// Lanes of the second where the top bit of the mask's lane is set.
template <typename T>
Xmm blended(Xmm first, Xmm second, Xmm mask) {
  auto result = first.as<T>();
  const auto other = second.as<T>();
  const auto signs = mask.as<std::make_signed_t<T>>();
  for (unsigned n = 0; n < result.size(); ++n) {
    if (signs[n] < 0) result[n] = other[n];
  }
  return Xmm::from(result);
}

// The mask is XMM0 (PBLENDVB, BLENDVPS, BLENDVPD).
template <typename T, Source source>
void execute_blend_variable(Cpu& cpu, const Instruction& i) {
  require_sse(cpu);
  const Xmm from = fetch<void, 16, source>(cpu, i);
  set_xmm(cpu, i.destination, blended<T>(xmm(cpu, i.destination), from, xmm(cpu, 0)));
}

// The mask is a fourth operand, whose number `immediate` holds.
template <typename T, unsigned kBytes, Source source>
void execute_vex_blend_variable(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto second = fetch_parts<void, kBytes, source>(cpu, i);
  const auto mask = parts_of<kBytes>(cpu, static_cast<unsigned>(i.immediate));
  auto parts = parts_of<kBytes>(cpu, i.extra);
  for (unsigned n = 0; n < parts.size(); ++n) parts[n] = blended<T>(parts[n], second[n], mask[n]);
  set_parts<kBytes>(cpu, i.destination, parts);
}

template <typename T>
bool select_vex_blend_variable(const Decoded& decoded, Instruction& record) {
  select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler {
    return &step<execute_vex_blend_variable<T, kBytes, source>>;
  });
  record.immediate = register_field(decoded, 3);
  return true;
}

template <typename T>
bool select_blend_variable(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler = is_register(decoded, 1) ? &step<execute_blend_variable<T, Source::kRegister>>
                                           : &step<execute_blend_variable<T, Source::kMemory>>;
  return true;
}

// The low lanes of the source, sign- or zero-extended as the types say (PMOVSX, PMOVZX).
template <typename Narrow, typename Wide>
struct Widen {
  static constexpr bool kWidening = true;

  template <unsigned kBytes>
  static constexpr unsigned kMemoryBytes = kBytes * sizeof(Narrow) / sizeof(Wide);

  static constexpr Xmm apply(Xmm, Xmm source) {
    const auto from = source.as<Narrow>();
    Xmm::Lanes<Wide> result{};
    for (unsigned n = 0; n < result.size(); ++n) {
      // NOLINTNEXTLINE(bugprone-signed-char-misuse): bytes that are numbers, with their signs
      result[n] = static_cast<Wide>(from[n]);
    }
    return Xmm::from(result);
  }
};

// Every lane of the source doubled over its pair: kOdd chooses which (MOVSLDUP, MOVSHDUP, MOVDDUP).
template <typename T, unsigned kOdd, unsigned kRead>
struct Duplicate {
  template <unsigned kBytes>
  // NOLINTNEXTLINE(bugprone-branch-clone): both are the same where all lanes are read
  static constexpr unsigned kMemoryBytes = kBytes == 16 ? kRead : kBytes;

  static constexpr Xmm apply(Xmm, Xmm source) {
    const auto from = source.as<T>();
    Xmm::Lanes<T> result{};
    for (unsigned n = 0; n < result.size(); ++n) result[n] = from[(n & ~1u) + kOdd];
    return Xmm::from(result);
  }
};

// One 32-bit lane put in place, others cleared by the immediate's mask (INSERTPS).
constexpr Xmm insert_float(Xmm destination, uint32_t value, uint8_t immediate) {
  auto result = destination.as<uint32_t>();
  result[(immediate >> 4) & 3u] = value;
  for (unsigned n = 0; n < 4; ++n) {
    if (((immediate >> n) & 1u) != 0) result[n] = 0;
  }
  return Xmm::from(result);
}

template <Form form, Source source>
void execute_insert_float(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  const auto immediate = static_cast<uint8_t>(i.immediate);
  const uint32_t value = source == Source::kMemory
                             ? cpu.load<uint32_t>(i)
                             : xmm(cpu, i.source).as<uint32_t>()[immediate >> 6];
  put_xmm<form>(cpu, i.destination, insert_float(first_operand<form>(cpu, i), value, immediate));
}

bool select_insert_float(const Decoded& decoded, Instruction& record) {
  return select_either(decoded, record, []<Form form, Source source>() -> Handler {
    return &step<execute_insert_float<form, source>>;
  });
}

template <typename T, Half half>
constexpr Selector kUnpack = select_packed<Unpack<T, half>>;
template <typename T, Half half>
constexpr Selector kUnpackXmm = select_xmm<Unpack<T, half>>;
template <typename Narrow, typename Wide>
constexpr Selector kWiden = select_xmm<Widen<Narrow, Wide>>;

// PSHUFW exists for MMX only.
bool select_pshufw(const Decoded& decoded, Instruction& record) {
  return select_width<ShuffleFour<uint16_t, 0>, 8>(decoded, record);
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_PUNPCKLBW, kUnpack<uint8_t, Half::kLow>},
    {ZYDIS_MNEMONIC_PUNPCKLWD, kUnpack<uint16_t, Half::kLow>},
    {ZYDIS_MNEMONIC_PUNPCKLDQ, kUnpack<uint32_t, Half::kLow>},
    {ZYDIS_MNEMONIC_PUNPCKLQDQ, kUnpackXmm<uint64_t, Half::kLow>},
    {ZYDIS_MNEMONIC_PUNPCKHBW, kUnpack<uint8_t, Half::kHigh>},
    {ZYDIS_MNEMONIC_PUNPCKHWD, kUnpack<uint16_t, Half::kHigh>},
    {ZYDIS_MNEMONIC_PUNPCKHDQ, kUnpack<uint32_t, Half::kHigh>},
    {ZYDIS_MNEMONIC_PUNPCKHQDQ, kUnpackXmm<uint64_t, Half::kHigh>},
    {ZYDIS_MNEMONIC_UNPCKLPS, kUnpackXmm<uint32_t, Half::kLow>},
    {ZYDIS_MNEMONIC_UNPCKLPD, kUnpackXmm<uint64_t, Half::kLow>},
    {ZYDIS_MNEMONIC_UNPCKHPS, kUnpackXmm<uint32_t, Half::kHigh>},
    {ZYDIS_MNEMONIC_UNPCKHPD, kUnpackXmm<uint64_t, Half::kHigh>},
    {ZYDIS_MNEMONIC_PACKSSWB, select_packed<Pack<int16_t, int8_t>>},
    {ZYDIS_MNEMONIC_PACKSSDW, select_packed<Pack<int32_t, int16_t>>},
    {ZYDIS_MNEMONIC_PACKUSWB, select_packed<Pack<int16_t, uint8_t>>},
    {ZYDIS_MNEMONIC_PACKUSDW, select_xmm<Pack<int32_t, uint16_t>>},
    {ZYDIS_MNEMONIC_PSHUFB, select_packed<ShuffleBytes>},
    {ZYDIS_MNEMONIC_PSHUFD, select_xmm<ShuffleFour<uint32_t, 0>>},
    {ZYDIS_MNEMONIC_PSHUFLW, select_xmm<ShuffleFour<uint16_t, 0>>},
    {ZYDIS_MNEMONIC_PSHUFHW, select_xmm<ShuffleFour<uint16_t, 4>>},
    {ZYDIS_MNEMONIC_PSHUFW, select_pshufw},
    {ZYDIS_MNEMONIC_SHUFPS, select_xmm<ShuffleBoth<uint32_t>>},
    {ZYDIS_MNEMONIC_SHUFPD, select_xmm<ShuffleBoth<uint64_t>>},
    {ZYDIS_MNEMONIC_PALIGNR, select_packed<Align>},
    {ZYDIS_MNEMONIC_PBLENDW, select_xmm<BlendImmediate<uint16_t>>},
    {ZYDIS_MNEMONIC_BLENDPS, select_xmm<BlendImmediate<uint32_t>>},
    {ZYDIS_MNEMONIC_BLENDPD, select_xmm<BlendImmediate<uint64_t>>},
    {ZYDIS_MNEMONIC_PBLENDVB, select_blend_variable<uint8_t>},
    {ZYDIS_MNEMONIC_BLENDVPS, select_blend_variable<uint32_t>},
    {ZYDIS_MNEMONIC_BLENDVPD, select_blend_variable<uint64_t>},
    {ZYDIS_MNEMONIC_VPBLENDVB, select_vex_blend_variable<uint8_t>},
    {ZYDIS_MNEMONIC_VBLENDVPS, select_vex_blend_variable<uint32_t>},
    {ZYDIS_MNEMONIC_VBLENDVPD, select_vex_blend_variable<uint64_t>},
    {ZYDIS_MNEMONIC_PMOVSXBW, kWiden<int8_t, int16_t>},
    {ZYDIS_MNEMONIC_PMOVSXBD, kWiden<int8_t, int32_t>},
    {ZYDIS_MNEMONIC_PMOVSXBQ, kWiden<int8_t, int64_t>},
    {ZYDIS_MNEMONIC_PMOVSXWD, kWiden<int16_t, int32_t>},
    {ZYDIS_MNEMONIC_PMOVSXWQ, kWiden<int16_t, int64_t>},
    {ZYDIS_MNEMONIC_PMOVSXDQ, kWiden<int32_t, int64_t>},
    {ZYDIS_MNEMONIC_PMOVZXBW, kWiden<uint8_t, uint16_t>},
    {ZYDIS_MNEMONIC_PMOVZXBD, kWiden<uint8_t, uint32_t>},
    {ZYDIS_MNEMONIC_PMOVZXBQ, kWiden<uint8_t, uint64_t>},
    {ZYDIS_MNEMONIC_PMOVZXWD, kWiden<uint16_t, uint32_t>},
    {ZYDIS_MNEMONIC_PMOVZXWQ, kWiden<uint16_t, uint64_t>},
    {ZYDIS_MNEMONIC_PMOVZXDQ, kWiden<uint32_t, uint64_t>},
    {ZYDIS_MNEMONIC_MOVSLDUP, select_xmm<Duplicate<uint32_t, 0, 16>>},
    {ZYDIS_MNEMONIC_MOVSHDUP, select_xmm<Duplicate<uint32_t, 1, 16>>},
    {ZYDIS_MNEMONIC_MOVDDUP, select_xmm<Duplicate<uint64_t, 0, 8>>},
    {ZYDIS_MNEMONIC_INSERTPS, select_insert_float},
};

}  // namespace

std::span<const Row> packed_shuffle_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
