// F16C: conversions between half and single precision (SDM vol. 1, 14.4; vol. 2C, VCVTPH2PS and
// VCVTPS2PH).
#include "hypervisor/soft/interpret/simd/floating.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

using soft_float::Binary16;
using soft_float::pack;
using soft_float::unpack;

// DAZ has no part in it, and a denormal is no exception: every half is a normal single.
struct FromHalf {
  static constexpr unsigned kRead = 8;
  static constexpr int kGrowth = 1;

  static Xmm apply(Xmm, Xmm source, std::uint8_t, Context& context) {
    const auto halves = source.as<std::uint16_t>();
    Xmm::Lanes<std::uint32_t> lanes{};
    for (unsigned n = 0; n < lanes.size(); ++n) {
      soft_float::Number number = unpack<Binary16>(halves[n]);
      number.denormal = false;
      lanes[n] = pack<Binary32>(soft_float::convert(number, context), context);
    }
    return Xmm::from(lanes);
  }
};

// The rounding mode is the immediate's, or with bit 2 MXCSR's. FTZ has no part in it.
std::uint64_t to_halves(Xmm source, std::uint8_t immediate, Context& context) {
  Context own = context;
  if ((immediate & 4u) == 0) own.rounding = static_cast<soft_float::Rounding>(immediate & 3u);
  own.flush_to_zero = false;
  const auto lanes = source.as<std::uint32_t>();
  std::uint64_t halves = 0;
  for (unsigned n = 0; n < lanes.size(); ++n) {
    const auto number = unpack<Binary32>(lanes[n], own);
    halves |= std::uint64_t{pack<Binary16>(soft_float::convert(number, own), own)} << (16 * n);
  }
  context.raise(own.raised);
  return halves;
}

template <unsigned kBytes>
std::array<std::uint64_t, 2> converted(const Cpu& cpu, const Instruction& i, Context& context) {
  const auto parts = parts_of<kBytes>(cpu, i.source);
  std::array<std::uint64_t, 2> halves{};
  for (unsigned n = 0; n < parts.size(); ++n) {
    halves[n] = to_halves(parts[n], static_cast<std::uint8_t>(i.immediate), context);
  }
  return halves;
}

template <unsigned kBytes>
void execute_to_half(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  Context context = context_of(cpu);
  const auto halves = converted<kBytes>(cpu, i, context);
  commit(cpu, context);
  put_xmm<Form::kVex>(cpu, i.destination, {halves});
}

template <unsigned kBytes>
void execute_to_half_store(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  Context context = context_of(cpu);
  const auto halves = converted<kBytes>(cpu, i, context);
  // A fault of the store comes before that of the conversion.
  if (context.unmasked(context.raised)) {
    cpu.probe_write(cpu.operand_linear(i, 0, kBytes / 2, Access::kWrite), kBytes / 2);
    raise_simd_exception(cpu, context);
  }
  if constexpr (kBytes == 32) {
    cpu.store<Wide128>(i, {halves[0], halves[1]});
  } else {
    cpu.store<std::uint64_t>(i, halves[0]);
  }
  commit(cpu, context);
}

bool select_to_half(const Decoded& decoded, Instruction& record) {
  fill_vex(decoded, record);
  if (is_memory(decoded, 0)) {
    record.handler =
        is_256(decoded) ? &step<execute_to_half_store<32>> : &step<execute_to_half_store<16>>;
  } else {
    record.handler = is_256(decoded) ? &step<execute_to_half<32>> : &step<execute_to_half<16>>;
  }
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_VCVTPH2PS, select_vex_float<FromHalf>},
    {ZYDIS_MNEMONIC_VCVTPS2PH, select_to_half},
};

}  // namespace

std::span<const Row> half_precision_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
