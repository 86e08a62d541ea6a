// SSE conversions between formats and integers, rounding to integral values (SDM vol. 2 under
// CVT.., ROUND..; vol. 1, 11.6.4 "conversions", table 4-4 "rounding modes").
#include "hypervisor/soft/fpu/soft_float/convert.hpp"
#include "hypervisor/soft/interpret/simd/floating.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

using soft_float::Inexact;
using soft_float::pack;
using soft_float::Rounding;
using soft_float::unpack;
using std::int32_t;
using std::int64_t;

// ---- One value. Truncating forms round toward zero whatever MXCSR says.

enum class Mode : std::uint8_t { kCurrent, kTruncate };

template <typename Format, typename Integer, Mode mode>
Integer float_to_integer(typename Format::Bits value, Context& context) {
  Context own = context;
  if (mode == Mode::kTruncate) own.rounding = Rounding::kTowardZero;
  const int64_t integer =
      soft_float::to_integer(unpack<Format>(value, own), sizeof(Integer) * 8, own);
  context.raise(own.raised);
  return static_cast<Integer>(integer);
}

template <typename To>
typename To::Bits integer_to_float(int64_t value, Context& context) {
  return pack<To>(soft_float::from_integer(value), context);
}

template <typename From, typename To>
typename To::Bits float_to_float(typename From::Bits value, Context& context) {
  return pack<To>(soft_float::convert(unpack<From>(value, context), context), context);
}

// ROUNDPS: bits 1..0 are the mode, bit 2 takes MXCSR's instead, bit 3 keeps quiet about
// inexactness.
struct RoundToIntegral {
  template <typename Format>
  static typename Format::Bits of(typename Format::Bits, typename Format::Bits b,
                                  std::uint8_t immediate, Context& context) {
    Context own = context;
    if ((immediate & 4u) == 0) own.rounding = static_cast<Rounding>(immediate & 3u);
    const Inexact inexact = (immediate & 8u) != 0 ? Inexact::kSuppressed : Inexact::kRaised;
    const auto value = soft_float::round_to_integral(unpack<Format>(b, own), inexact, own);
    context.raise(own.raised);
    return pack<Format>(value, own);
  }
};

// ---- Lanes of a vector. `Convert::of` maps one lane; the destination has as many lanes as fit
// both, and what stays over is cleared.

template <typename From, typename To, typename Convert>
struct ConvertLanes {
  static constexpr unsigned kCount = 16 / (sizeof(From) > sizeof(To) ? sizeof(From) : sizeof(To));
  static constexpr unsigned kRead = kCount * sizeof(From);
  static constexpr int kGrowth = sizeof(To) > sizeof(From) ? 1 : sizeof(To) < sizeof(From) ? -1 : 0;

  static Xmm apply(Xmm, Xmm source, std::uint8_t, Context& context) {
    const auto from = source.as<From>();
    Xmm::Lanes<To> result{};
    for (unsigned n = 0; n < kCount; ++n) result[n] = Convert::of(from[n], context);
    return Xmm::from(result);
  }
};

template <typename Format, Mode mode>
struct ToInt32 {
  static int32_t of(typename Format::Bits value, Context& context) {
    return float_to_integer<Format, int32_t, mode>(value, context);
  }
};
template <typename Format>
struct FromInt32 {
  static typename Format::Bits of(int32_t value, Context& context) {
    return integer_to_float<Format>(value, context);
  }
};
template <typename From, typename To>
struct Between {
  static typename To::Bits of(typename From::Bits value, Context& context) {
    return float_to_float<From, To>(value, context);
  }
};

using U32 = std::uint32_t;
using U64 = std::uint64_t;

// CVTSS2SD, CVTSD2SS: the low lane only.
template <typename From, typename To>
struct ConvertScalar {
  static constexpr unsigned kRead = sizeof(typename From::Bits);

  static Xmm apply(Xmm destination, Xmm source, std::uint8_t, Context& context) {
    auto lanes = destination.as<typename To::Bits>();
    lanes[0] = float_to_float<From, To>(source.as<typename From::Bits>()[0], context);
    return Xmm::from(lanes);
  }
};

// ---- With a general-purpose register

template <typename Format, typename Integer, Mode mode, Form form, Source source>
void execute_to_gpr(Cpu& cpu, const Instruction& i) {
  using Bits = typename Format::Bits;
  require_vector<form>(cpu);
  const Xmm from = fetch_float<sizeof(Bits), source>(cpu, i);
  Context context = context_of(cpu);
  const auto value = float_to_integer<Format, Integer, mode>(from.as<Bits>()[0], context);
  commit(cpu, context);
  cpu.set_reg(i.destination, static_cast<std::make_unsigned_t<Integer>>(value));
}

template <typename Format, Mode mode>
bool select_to_gpr(const Decoded& decoded, Instruction& record) {
  const bool wide = width_of(decoded, 0) == 64;
  return select_either(decoded, record, [wide]<Form form, Source source>() -> Handler {
    return wide ? &step<execute_to_gpr<Format, int64_t, mode, form, source>>
                : &step<execute_to_gpr<Format, int32_t, mode, form, source>>;
  });
}

template <typename Format, typename Integer, Form form, Source source>
void execute_from_gpr(Cpu& cpu, const Instruction& i) {
  using Unsigned = std::make_unsigned_t<Integer>;
  require_vector<form>(cpu);
  const auto value = static_cast<Integer>(source == Source::kMemory ? cpu.load<Unsigned>(i)
                                                                    : cpu.reg<Unsigned>(i.source));
  Context context = context_of(cpu);
  auto lanes = first_operand<form>(cpu, i).template as<typename Format::Bits>();
  lanes[0] = integer_to_float<Format>(value, context);
  commit(cpu, context);
  put_xmm<form>(cpu, i.destination, Xmm::from(lanes));
}

template <typename Format>
bool select_from_gpr(const Decoded& decoded, Instruction& record) {
  const bool wide = width_of(decoded, last_operand(decoded)) == 64;
  return select_either(decoded, record, [wide]<Form form, Source source>() -> Handler {
    return wide ? &step<execute_from_gpr<Format, int64_t, form, source>>
                : &step<execute_from_gpr<Format, int32_t, form, source>>;
  });
}

// ---- With an MMX register: CVTPI2PS, CVTPS2PI, ...

// Only a register source makes CVTPI2PS and CVTPI2PD MMX instructions.
template <typename Format, Source source>
void execute_from_mmx(Cpu& cpu, const Instruction& i) {
  require_sse(cpu);
  if constexpr (source == Source::kRegister) require_mmx(cpu);
  const Mmx from = source == Source::kRegister ? mmx(cpu, i.source) : Mmx{{cpu.load<U64>(i)}};
  const auto integers = from.as<int32_t>();
  Context context = context_of(cpu);
  auto lanes = xmm(cpu, i.destination).as<typename Format::Bits>();
  for (unsigned n = 0; n < 2; ++n) lanes[n] = integer_to_float<Format>(integers[n], context);
  if constexpr (source == Source::kRegister) enter_mmx(cpu);  // even where commit() throws
  commit(cpu, context);
  set_xmm(cpu, i.destination, Xmm::from(lanes));
}

template <typename Format>
bool select_from_mmx(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler = is_register(decoded, 1) ? &step<execute_from_mmx<Format, Source::kRegister>>
                                           : &step<execute_from_mmx<Format, Source::kMemory>>;
  return true;
}

template <typename Format, Mode mode, Source source>
void execute_to_mmx(Cpu& cpu, const Instruction& i) {
  using Bits = typename Format::Bits;
  require_sse(cpu);
  require_mmx(cpu);
  const auto from = fetch_float<2 * sizeof(Bits), source>(cpu, i).template as<Bits>();
  Context context = context_of(cpu);
  Mmx::Lanes<int32_t> result{};
  for (unsigned n = 0; n < 2; ++n) {
    result[n] = float_to_integer<Format, int32_t, mode>(from[n], context);
  }
  enter_mmx(cpu);  // even where commit() throws
  commit(cpu, context);
  write_register<8>(cpu, i.destination, Mmx::from(result));
}

template <typename Format, Mode mode>
bool select_to_mmx(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler = is_register(decoded, 1) ? &step<execute_to_mmx<Format, mode, Source::kRegister>>
                                           : &step<execute_to_mmx<Format, mode, Source::kMemory>>;
  return true;
}

template <typename From, typename To, typename Convert>
constexpr Selector kLanes = select_float<ConvertLanes<From, To, Convert>>;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_CVTPS2PD, kLanes<U32, U64, Between<Binary32, Binary64>>},
    {ZYDIS_MNEMONIC_CVTPD2PS, kLanes<U64, U32, Between<Binary64, Binary32>>},
    {ZYDIS_MNEMONIC_CVTDQ2PS, kLanes<int32_t, U32, FromInt32<Binary32>>},
    {ZYDIS_MNEMONIC_CVTDQ2PD, kLanes<int32_t, U64, FromInt32<Binary64>>},
    {ZYDIS_MNEMONIC_CVTPS2DQ, kLanes<U32, int32_t, ToInt32<Binary32, Mode::kCurrent>>},
    {ZYDIS_MNEMONIC_CVTTPS2DQ, kLanes<U32, int32_t, ToInt32<Binary32, Mode::kTruncate>>},
    {ZYDIS_MNEMONIC_CVTPD2DQ, kLanes<U64, int32_t, ToInt32<Binary64, Mode::kCurrent>>},
    {ZYDIS_MNEMONIC_CVTTPD2DQ, kLanes<U64, int32_t, ToInt32<Binary64, Mode::kTruncate>>},
    {ZYDIS_MNEMONIC_CVTSS2SD, select_float<ConvertScalar<Binary32, Binary64>>},
    {ZYDIS_MNEMONIC_CVTSD2SS, select_float<ConvertScalar<Binary64, Binary32>>},
    {ZYDIS_MNEMONIC_CVTSS2SI, select_to_gpr<Binary32, Mode::kCurrent>},
    {ZYDIS_MNEMONIC_CVTTSS2SI, select_to_gpr<Binary32, Mode::kTruncate>},
    {ZYDIS_MNEMONIC_CVTSD2SI, select_to_gpr<Binary64, Mode::kCurrent>},
    {ZYDIS_MNEMONIC_CVTTSD2SI, select_to_gpr<Binary64, Mode::kTruncate>},
    {ZYDIS_MNEMONIC_CVTSI2SS, select_from_gpr<Binary32>},
    {ZYDIS_MNEMONIC_CVTSI2SD, select_from_gpr<Binary64>},
    {ZYDIS_MNEMONIC_CVTPI2PS, select_from_mmx<Binary32>},
    {ZYDIS_MNEMONIC_CVTPI2PD, select_from_mmx<Binary64>},
    {ZYDIS_MNEMONIC_CVTPS2PI, select_to_mmx<Binary32, Mode::kCurrent>},
    {ZYDIS_MNEMONIC_CVTTPS2PI, select_to_mmx<Binary32, Mode::kTruncate>},
    {ZYDIS_MNEMONIC_CVTPD2PI, select_to_mmx<Binary64, Mode::kCurrent>},
    {ZYDIS_MNEMONIC_CVTTPD2PI, select_to_mmx<Binary64, Mode::kTruncate>},
    {ZYDIS_MNEMONIC_ROUNDPS, select_float<EachLane<Binary32, RoundToIntegral>>},
    {ZYDIS_MNEMONIC_ROUNDPD, select_float<EachLane<Binary64, RoundToIntegral>>},
    {ZYDIS_MNEMONIC_ROUNDSS, select_float<Scalar<Binary32, RoundToIntegral>>},
    {ZYDIS_MNEMONIC_ROUNDSD, select_float<Scalar<Binary64, RoundToIntegral>>},
};

}  // namespace

std::span<const Row> float_convert_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
