// What AVX and AVX2 have beyond SSE's operations: broadcasts, halves inserted and extracted,
// permutations, and shifts by a count per lane (SDM vol. 1, 14.1.4 and 14.7; vol. 2C under V..).
#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

using std::int32_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

// All lanes of a vector of kBytes, across its parts.
template <typename T, unsigned kBytes>
using LanesOf = std::array<T, kBytes / sizeof(T)>;

template <typename T, unsigned kBytes>
LanesOf<T, kBytes> lanes_of(const Parts<kBytes>& parts) {
  return std::bit_cast<LanesOf<T, kBytes>>(parts);
}
template <unsigned kBytes, typename T>
void set_lanes(Cpu& cpu, unsigned number, const std::array<T, kBytes / sizeof(T)>& lanes) {
  set_parts<kBytes>(cpu, number, std::bit_cast<Parts<kBytes>>(lanes));
}

// The last operand, whole.
template <unsigned kBytes, Source source>
Parts<kBytes> second_operand(Cpu& cpu, const Instruction& i) {
  return fetch_parts<void, kBytes, source>(cpu, i);
}

// BODY<T, kBytes, source>
#define ORRERY_VEX_BODY(body, ...)                                                            \
  [](const Decoded& decoded, Instruction& record) {                                           \
    return select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler { \
      return &step<body<__VA_ARGS__, kBytes, source>>;                                        \
    });                                                                                       \
  }

// ---- Broadcasts

template <typename T, unsigned kBytes, Source source>
void execute_broadcast(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  LanesOf<T, kBytes> lanes;
  lanes.fill(source == Source::kMemory ? cpu.load<T>(i)
                                       : lanes_of<T, 16>(parts_of<16>(cpu, i.source))[0]);
  set_lanes<kBytes>(cpu, i.destination, lanes);
}

void execute_broadcast_half(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const Xmm half = load_parts<16>(cpu, i)[0];
  set_parts<32>(cpu, i.destination, {half, half});
}

bool select_broadcast_half(const Decoded& decoded, Instruction& record) {
  fill_vex(decoded, record);
  record.handler = &step<execute_broadcast_half>;
  return true;
}

// ---- Halves

template <Source source>
void execute_insert_half(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const Xmm half = source == Source::kMemory ? load_parts<16>(cpu, i)[0] : xmm(cpu, i.source);
  auto parts = parts_of<32>(cpu, i.extra);
  parts[i.immediate & 1u] = half;
  set_parts<32>(cpu, i.destination, parts);
}

bool select_insert_half(const Decoded& decoded, Instruction& record) {
  fill_vex(decoded, record);
  record.handler = is_memory(decoded, 2) ? &step<execute_insert_half<Source::kMemory>>
                                         : &step<execute_insert_half<Source::kRegister>>;
  return true;
}

void execute_extract_half(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  set_parts<16>(cpu, i.destination, {parts_of<32>(cpu, i.source)[i.immediate & 1u]});
}
void execute_extract_half_store(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  store_parts<16>(cpu, i, {parts_of<32>(cpu, i.source)[i.immediate & 1u]});
}

bool select_extract_half(const Decoded& decoded, Instruction& record) {
  fill_vex(decoded, record);
  record.handler =
      is_memory(decoded, 0) ? &step<execute_extract_half_store> : &step<execute_extract_half>;
  return true;
}

// Each half of the result is one of the four of both operands, or zero (VPERM2F128).
template <Source source>
void execute_permute_halves(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto second = second_operand<32, source>(cpu, i);
  const auto first = parts_of<32>(cpu, i.extra);
  Parts<32> result{};
  for (unsigned n = 0; n < 2; ++n) {
    const auto control = static_cast<unsigned>(i.immediate >> (4 * n));
    if ((control & 8u) == 0) result[n] = ((control & 2u) != 0 ? second : first)[control & 1u];
  }
  set_parts<32>(cpu, i.destination, result);
}

bool select_permute_halves(const Decoded& decoded, Instruction& record) {
  fill_vex(decoded, record);
  record.handler = is_memory(decoded, 2) ? &step<execute_permute_halves<Source::kMemory>>
                                         : &step<execute_permute_halves<Source::kRegister>>;
  return true;
}

// ---- Permutations

// Lanes of the first within each part, chosen by the second's lanes (VPERMILPS): bits 1..0, or of
// quadwords bit 1.
template <typename T>
struct PermuteInPart {
  static Xmm apply(Xmm first, Xmm second) {
    const auto from = first.as<T>();
    auto lanes = second.as<T>();
    for (T& lane : lanes) lane = from[sizeof(T) == 8 ? (lane >> 1) & 1u : lane & 3u];
    return Xmm::from(lanes);
  }
};
// The same by the immediate: two bits a lane, or of quadwords one.
template <typename T>
struct PermuteInPartImmediate {
  static constexpr unsigned kImmediateStep = sizeof(T) == 8 ? 2 : 0;

  static Xmm apply(Xmm, Xmm second, uint8_t immediate) {
    const auto from = second.as<T>();
    Xmm::Lanes<T> lanes{};
    for (unsigned n = 0; n < lanes.size(); ++n) {
      lanes[n] = from[sizeof(T) == 8 ? (immediate >> n) & 1u : (immediate >> (2 * n)) & 3u];
    }
    return Xmm::from(lanes);
  }
};

template <typename T>
bool select_permute_in_part(const Decoded& decoded, Instruction& record) {
  return is_immediate(decoded, 2) ? select_vex<PermuteInPartImmediate<T>>(decoded, record)
                                  : select_vex<PermuteInPart<T>>(decoded, record);
}

// Lanes of the second across the whole vector, chosen by the first's (VPERMD, VPERMPS).
template <typename T, unsigned kBytes, Source source>
void execute_permute(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto from = lanes_of<T, kBytes>(second_operand<kBytes, source>(cpu, i));
  auto lanes = lanes_of<T, kBytes>(parts_of<kBytes>(cpu, i.extra));
  for (T& lane : lanes) lane = from[lane % from.size()];
  set_lanes<kBytes>(cpu, i.destination, lanes);
}

// Quadwords chosen by two bits of the immediate each (VPERMQ, VPERMPD).
template <typename T, unsigned kBytes, Source source>
void execute_permute_immediate(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto from = lanes_of<T, kBytes>(second_operand<kBytes, source>(cpu, i));
  LanesOf<T, kBytes> lanes{};
  for (unsigned n = 0; n < lanes.size(); ++n) {
    lanes[n] = from[((i.immediate >> (2 * n)) & 3u) % from.size()];
  }
  set_lanes<kBytes>(cpu, i.destination, lanes);
}

// Doublewords of the second where the immediate's bit is set (VPBLENDD).
struct BlendDoublewords {
  static constexpr unsigned kImmediateStep = 4;

  static Xmm apply(Xmm first, Xmm second, uint8_t immediate) {
    auto lanes = first.as<uint32_t>();
    const auto other = second.as<uint32_t>();
    for (unsigned n = 0; n < 4; ++n) {
      if (((immediate >> n) & 1u) != 0) lanes[n] = other[n];
    }
    return Xmm::from(lanes);
  }
};

// ---- Shifts by a count per lane: too large a count leaves zero, or the sign

struct Left {
  template <typename T>
  static T of(T value, T count) {
    return count >= 8 * sizeof(T) ? T{0} : static_cast<T>(value << count);
  }
};
struct Right {
  template <typename T>
  static T of(T value, T count) {
    return count >= 8 * sizeof(T) ? T{0} : static_cast<T>(value >> count);
  }
};
struct ArithmeticRight {
  static uint32_t of(uint32_t value, uint32_t count) {
    return static_cast<uint32_t>(static_cast<int32_t>(value) >> (count < 32 ? count : 31));
  }
};
template <typename T, typename Function>
constexpr Selector kVariableShift = select_vex<Lanewise<T, Function>>;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_VBROADCASTSS, ORRERY_VEX_BODY(execute_broadcast, uint32_t)},
    {ZYDIS_MNEMONIC_VBROADCASTSD, ORRERY_VEX_BODY(execute_broadcast, uint64_t)},
    {ZYDIS_MNEMONIC_VPBROADCASTB, ORRERY_VEX_BODY(execute_broadcast, uint8_t)},
    {ZYDIS_MNEMONIC_VPBROADCASTW, ORRERY_VEX_BODY(execute_broadcast, uint16_t)},
    {ZYDIS_MNEMONIC_VPBROADCASTD, ORRERY_VEX_BODY(execute_broadcast, uint32_t)},
    {ZYDIS_MNEMONIC_VPBROADCASTQ, ORRERY_VEX_BODY(execute_broadcast, uint64_t)},
    {ZYDIS_MNEMONIC_VBROADCASTF128, select_broadcast_half},
    {ZYDIS_MNEMONIC_VBROADCASTI128, select_broadcast_half},
    {ZYDIS_MNEMONIC_VINSERTF128, select_insert_half},
    {ZYDIS_MNEMONIC_VINSERTI128, select_insert_half},
    {ZYDIS_MNEMONIC_VEXTRACTF128, select_extract_half},
    {ZYDIS_MNEMONIC_VEXTRACTI128, select_extract_half},
    {ZYDIS_MNEMONIC_VPERM2F128, select_permute_halves},
    {ZYDIS_MNEMONIC_VPERM2I128, select_permute_halves},
    {ZYDIS_MNEMONIC_VPERMILPS, select_permute_in_part<uint32_t>},
    {ZYDIS_MNEMONIC_VPERMILPD, select_permute_in_part<uint64_t>},
    {ZYDIS_MNEMONIC_VPERMD, ORRERY_VEX_BODY(execute_permute, uint32_t)},
    {ZYDIS_MNEMONIC_VPERMPS, ORRERY_VEX_BODY(execute_permute, uint32_t)},
    {ZYDIS_MNEMONIC_VPERMQ, ORRERY_VEX_BODY(execute_permute_immediate, uint64_t)},
    {ZYDIS_MNEMONIC_VPERMPD, ORRERY_VEX_BODY(execute_permute_immediate, uint64_t)},
    {ZYDIS_MNEMONIC_VPBLENDD, select_vex<BlendDoublewords>},
    {ZYDIS_MNEMONIC_VPSLLVD, kVariableShift<uint32_t, Left>},
    {ZYDIS_MNEMONIC_VPSLLVQ, kVariableShift<uint64_t, Left>},
    {ZYDIS_MNEMONIC_VPSRLVD, kVariableShift<uint32_t, Right>},
    {ZYDIS_MNEMONIC_VPSRLVQ, kVariableShift<uint64_t, Right>},
    {ZYDIS_MNEMONIC_VPSRAVD, kVariableShift<uint32_t, ArithmeticRight>},
};

#undef ORRERY_VEX_BODY

}  // namespace

std::span<const Row> avx_permute_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
