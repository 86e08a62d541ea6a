// SSE to SSE4.1 floating-point arithmetic (SDM vol. 1, 10.4.1.2, 11.4.1.2, 12.3, 12.10.2).
#include "hypervisor/soft/fpu/soft_float/host.hpp"
#include "hypervisor/soft/interpret/simd/floating.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

void raise_simd_exception(Cpu& cpu, const Context& context) {
  // An exception found before computing keeps those from being found that computing would raise.
  const bool before = context.unmasked(context.raised & soft_float::exception::kBefore);
  const unsigned reported =
      before ? context.raised & soft_float::exception::kBefore : context.raised;
  cpu.state.mxcsr |= reported | context.settled;
  const bool enabled = (cpu.state.cr4 & x86::cr4::kSimdExceptions) != 0;
  cpu.raise(enabled ? x86::Exception::kSimdFloatingPoint : x86::Exception::kInvalidOpcode);
}

namespace {

using soft_float::Exact;
using soft_float::Number;
using soft_float::pack;
using soft_float::unpack;

// ---- Functions of lanes

template <soft_float::HostOperation host,
          Exact (*operation)(const Number&, const Number&, Context&)>
struct Binary {
  template <typename Format>
  static typename Format::Bits of(typename Format::Bits a, typename Format::Bits b,
                                  Context& context) {
    if (context.host_allowed) {
      if (const auto result = soft_float::on_host<Format, host>(a, b)) return *result;
    }
    const Exact value = operation(unpack<Format>(a, context), unpack<Format>(b, context), context);
    return pack<Format>(value, context);
  }
};
using Add = Binary<soft_float::HostOperation::kAdd, soft_float::add>;
using Subtract = Binary<soft_float::HostOperation::kSubtract, soft_float::subtract>;
using Multiply = Binary<soft_float::HostOperation::kMultiply, soft_float::multiply>;
using Divide = Binary<soft_float::HostOperation::kDivide, soft_float::divide>;

struct SquareRoot {
  template <typename Format>
  static typename Format::Bits of(typename Format::Bits, typename Format::Bits b,
                                  Context& context) {
    return pack<Format>(soft_float::square_root(unpack<Format>(b, context), context), context);
  }
};

// RCPPS and RSQRTPS: an approximation by specification, with neither flags nor denormals. Ours is
// the exact value rounded to nearest, which the error bound of 1.5 * 2^-12 allows.
template <Exact (*operation)(const Number&, Context&)>
struct Approximation {
  template <typename Format>
  static typename Format::Bits of(typename Format::Bits, typename Format::Bits b, Context&) {
    Context quiet;
    quiet.denormals_are_zero = true;
    quiet.flush_to_zero = true;
    return pack<Format>(operation(unpack<Format>(b, quiet), quiet), quiet);
  }
};
constexpr Number kOne{soft_float::Kind::kFinite, false, false, 0, soft_float::kIntegerBit};

Exact reciprocal(const Number& value, Context& context) {
  return soft_float::divide(kOne, value, context);
}
Exact reciprocal_root(const Number& value, Context& context) {
  const Exact root = soft_float::square_root(value, context);
  const Number rounded{root.kind, root.sign, false, root.exponent,
                       static_cast<std::uint64_t>(root.significand >> 64)};
  return soft_float::divide(kOne, rounded, context);
}

// ---- Across lanes

// Even lanes subtracted, odd lanes added (ADDSUBPS, ADDSUBPD).
template <typename Format>
struct Alternating {
  static constexpr unsigned kRead = 16;

  static Xmm apply(Xmm destination, Xmm source, std::uint8_t, Context& context) {
    using Bits = typename Format::Bits;
    auto lanes = destination.as<Bits>();
    const auto other = source.as<Bits>();
    for (unsigned n = 0; n < lanes.size(); ++n) {
      lanes[n] = (n & 1u) != 0 ? Add::of<Format>(lanes[n], other[n], context)
                               : Subtract::of<Format>(lanes[n], other[n], context);
    }
    return Xmm::from(lanes);
  }
};

// Neighbours combined, the destination's in the low half (HADDPS, HSUBPD, ...).
template <typename Format, typename Function>
struct Neighbours {
  static constexpr unsigned kRead = 16;

  static Xmm apply(Xmm destination, Xmm source, std::uint8_t, Context& context) {
    using Bits = typename Format::Bits;
    const auto a = destination.as<Bits>();
    const auto b = source.as<Bits>();
    auto result = a;
    const unsigned half = result.size() / 2;
    for (unsigned n = 0; n < half; ++n) {
      result[n] = Function::template of<Format>(a[2 * n], a[2 * n + 1], context);
      result[half + n] = Function::template of<Format>(b[2 * n], b[2 * n + 1], context);
    }
    return Xmm::from(result);
  }
};

// DPPS, DPPD: products where the immediate's high bits ask for them, summed by pairs, into the
// lanes of its low bits. Each stage is done in all parts of a vector before the next, and an
// unmasked exception keeps that from running.
template <typename Format>
struct DotProduct {
  static constexpr unsigned kRead = 16;

  template <unsigned kParts>
  static void run(std::array<Xmm, kParts>& parts, const std::array<Xmm, kParts>& others,
                  std::uint8_t immediate, Context& context) {
    using Bits = typename Format::Bits;
    std::array<FloatLanes<Format>, kParts> lanes;
    for (unsigned part = 0; part < kParts; ++part) {
      lanes[part] = parts[part].template as<Bits>();
      const auto other = others[part].template as<Bits>();
      for (unsigned n = 0; n < other.size(); ++n) {
        const bool wanted = ((immediate >> (4 + n)) & 1u) != 0;
        lanes[part][n] = wanted ? Multiply::of<Format>(lanes[part][n], other[n], context) : Bits{0};
      }
    }
    for (unsigned count = kLanesOf<Format> / 2; count != 0; count /= 2) {
      if (context.unmasked(context.raised)) return;
      context.settled = context.raised;
      for (auto& part : lanes) {
        for (unsigned n = 0; n < count; ++n) {
          part[n] = Add::of<Format>(part[2 * n], part[2 * n + 1], context);
        }
      }
    }
    for (unsigned part = 0; part < kParts; ++part) {
      const Bits sum = lanes[part][0];
      for (unsigned n = 0; n < lanes[part].size(); ++n) {
        lanes[part][n] = ((immediate >> n) & 1u) != 0 ? sum : Bits{0};
      }
      parts[part] = Xmm::from(lanes[part]);
    }
  }

  static Xmm apply(Xmm destination, Xmm source, std::uint8_t immediate, Context& context) {
    std::array<Xmm, 1> parts = {destination};
    run<1>(parts, {source}, immediate, context);
    return parts[0];
  }
};

template <unsigned kBytes, Source source>
void execute_vex_dot_product(Cpu& cpu, const Instruction& i) {
  using Operation = DotProduct<Binary32>;
  require_avx(cpu);
  const auto second = fetch_float_parts<Operation, kBytes, source>(cpu, i);
  auto parts = parts_of<kBytes>(cpu, i.extra);
  Context context = context_of(cpu);
  Operation::run<kBytes / 16>(parts, second, static_cast<std::uint8_t>(i.immediate), context);
  commit(cpu, context);
  set_parts<kBytes>(cpu, i.destination, parts);
}

bool select_vex_dot_product(const Decoded& decoded, Instruction& record) {
  return select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler {
    return &step<execute_vex_dot_product<kBytes, source>>;
  });
}

template <typename Function>
constexpr Selector kPs = select_float<EachLane<Binary32, Function>>;
template <typename Function>
constexpr Selector kPd = select_float<EachLane<Binary64, Function>>;
template <typename Function>
constexpr Selector kSs = select_float<Scalar<Binary32, Function>>;
template <typename Function>
constexpr Selector kSd = select_float<Scalar<Binary64, Function>>;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_ADDPS, kPs<Add>},
    {ZYDIS_MNEMONIC_ADDPD, kPd<Add>},
    {ZYDIS_MNEMONIC_ADDSS, kSs<Add>},
    {ZYDIS_MNEMONIC_ADDSD, kSd<Add>},
    {ZYDIS_MNEMONIC_SUBPS, kPs<Subtract>},
    {ZYDIS_MNEMONIC_SUBPD, kPd<Subtract>},
    {ZYDIS_MNEMONIC_SUBSS, kSs<Subtract>},
    {ZYDIS_MNEMONIC_SUBSD, kSd<Subtract>},
    {ZYDIS_MNEMONIC_MULPS, kPs<Multiply>},
    {ZYDIS_MNEMONIC_MULPD, kPd<Multiply>},
    {ZYDIS_MNEMONIC_MULSS, kSs<Multiply>},
    {ZYDIS_MNEMONIC_MULSD, kSd<Multiply>},
    {ZYDIS_MNEMONIC_DIVPS, kPs<Divide>},
    {ZYDIS_MNEMONIC_DIVPD, kPd<Divide>},
    {ZYDIS_MNEMONIC_DIVSS, kSs<Divide>},
    {ZYDIS_MNEMONIC_DIVSD, kSd<Divide>},
    {ZYDIS_MNEMONIC_SQRTPS, kPs<SquareRoot>},
    {ZYDIS_MNEMONIC_SQRTPD, kPd<SquareRoot>},
    {ZYDIS_MNEMONIC_SQRTSS, kSs<SquareRoot>},
    {ZYDIS_MNEMONIC_SQRTSD, kSd<SquareRoot>},
    {ZYDIS_MNEMONIC_RCPPS, kPs<Approximation<reciprocal>>},
    {ZYDIS_MNEMONIC_RCPSS, kSs<Approximation<reciprocal>>},
    {ZYDIS_MNEMONIC_RSQRTPS, kPs<Approximation<reciprocal_root>>},
    {ZYDIS_MNEMONIC_RSQRTSS, kSs<Approximation<reciprocal_root>>},
    {ZYDIS_MNEMONIC_ADDSUBPS, select_float<Alternating<Binary32>>},
    {ZYDIS_MNEMONIC_ADDSUBPD, select_float<Alternating<Binary64>>},
    {ZYDIS_MNEMONIC_HADDPS, select_float<Neighbours<Binary32, Add>>},
    {ZYDIS_MNEMONIC_HADDPD, select_float<Neighbours<Binary64, Add>>},
    {ZYDIS_MNEMONIC_HSUBPS, select_float<Neighbours<Binary32, Subtract>>},
    {ZYDIS_MNEMONIC_HSUBPD, select_float<Neighbours<Binary64, Subtract>>},
    {ZYDIS_MNEMONIC_DPPS, select_float<DotProduct<Binary32>>},
    {ZYDIS_MNEMONIC_VDPPS, select_vex_dot_product},
    {ZYDIS_MNEMONIC_DPPD, select_float<DotProduct<Binary64>>},
};

}  // namespace

std::span<const Row> float_arithmetic_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
