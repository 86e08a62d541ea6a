// What every SSE floating-point instruction does around its arithmetic: rounding mode and masks
// from MXCSR, flags back into it, #XM where one is unmasked (SDM vol. 1, 11.5).
#pragma once

#include <algorithm>

#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"
#include "hypervisor/soft/fpu/soft_float/round.hpp"
#include "hypervisor/soft/interpret/simd/avx.hpp"

namespace orrery::hypervisor::soft::simd {

using soft_float::Binary32;
using soft_float::Binary64;
using soft_float::Context;

// SDM vol. 1, 10.2.3:   15  14..13  12..7   6    5..0
//                      | FZ |  RC  | masks | DAZ | flags |
namespace mxcsr {
inline constexpr std::uint32_t kFlags = 0x3f;
inline constexpr std::uint32_t kPrecisionFlag = 0x20;
inline constexpr std::uint32_t kDenormalsAreZero = 0x40;
inline constexpr unsigned kMaskShift = 7;
inline constexpr std::uint32_t kMasks = 0x1f80;
inline constexpr unsigned kRoundingShift = 13;
inline constexpr std::uint32_t kRounding = 0x6000;
inline constexpr std::uint32_t kFlushToZero = 0x8000;
}  // namespace mxcsr

inline Context context_of(const Cpu& cpu) {
  const std::uint32_t value = cpu.state.mxcsr;
  Context context;
  context.rounding = static_cast<soft_float::Rounding>((value >> mxcsr::kRoundingShift) & 3u);
  context.masked = static_cast<std::uint8_t>((value >> mxcsr::kMaskShift) & mxcsr::kFlags);
  context.denormals_are_zero = (value & mxcsr::kDenormalsAreZero) != 0;
  context.flush_to_zero = (value & mxcsr::kFlushToZero) != 0;
  // See fpu/soft_float/host.hpp.
  context.host_allowed = (value & (mxcsr::kMasks | mxcsr::kRounding | mxcsr::kPrecisionFlag)) ==
                         (mxcsr::kMasks | mxcsr::kPrecisionFlag);
  return context;
}

[[noreturn]] void raise_simd_exception(Cpu& cpu, const Context& context);

// Before the result is written: flags into MXCSR, and the exception if one is unmasked.
inline void commit(Cpu& cpu, const Context& context) {
  if (context.unmasked(context.raised)) [[unlikely]]
    raise_simd_exception(cpu, context);
  cpu.state.mxcsr |= context.raised;
}

// ---- Whole operations: apply(destination, source, immediate, context)

template <typename Format>
using FloatLanes = Xmm::Lanes<typename Format::Bits>;

template <typename Format>
constexpr unsigned kLanesOf = 16 / sizeof(typename Format::Bits);

// Function::of<Format>(a, b, context) over the low lane, or over all.
template <typename Format, typename Function>
struct Scalar {
  static constexpr unsigned kRead = sizeof(typename Format::Bits);

  static Xmm apply(Xmm destination, Xmm source, std::uint8_t immediate, Context& context) {
    using Bits = typename Format::Bits;
    auto lanes = destination.as<Bits>();
    lanes[0] = call(lanes[0], source.as<Bits>()[0], immediate, context);
    return Xmm::from(lanes);
  }
  static typename Format::Bits call(typename Format::Bits a, typename Format::Bits b,
                                    std::uint8_t immediate, Context& context) {
    if constexpr (requires { Function::template of<Format>(a, b, immediate, context); }) {
      return Function::template of<Format>(a, b, immediate, context);
    } else {
      return Function::template of<Format>(a, b, context);
    }
  }
};

template <typename Format, typename Function>
struct EachLane {
  static constexpr unsigned kRead = 16;

  static Xmm apply(Xmm destination, Xmm source, std::uint8_t immediate, Context& context) {
    using Bits = typename Format::Bits;
    auto lanes = destination.as<Bits>();
    const auto other = source.as<Bits>();
    for (unsigned n = 0; n < lanes.size(); ++n) {
      lanes[n] = Scalar<Format, Function>::call(lanes[n], other[n], immediate, context);
    }
    return Xmm::from(lanes);
  }
};

template <unsigned kRead, Source source>
Xmm fetch_float(Cpu& cpu, const Instruction& i) {
  if constexpr (source == Source::kRegister) {
    return xmm(cpu, i.source);
  } else {
    return load_packed<16, kRead>(cpu, i);
  }
}

template <typename Operation, Source source>
void execute_float(Cpu& cpu, const Instruction& i) {
  require_sse(cpu);
  const Xmm from = fetch_float<Operation::kRead, source>(cpu, i);
  Context context = context_of(cpu);
  const Xmm result = Operation::apply(xmm(cpu, i.destination), from,
                                      static_cast<std::uint8_t>(i.immediate), context);
  commit(cpu, context);
  set_xmm(cpu, i.destination, result);
}

// What a conversion of lanes makes of their width: 1 wider, -1 narrower.
template <typename Operation>
constexpr int growth() {
  if constexpr (requires { Operation::kGrowth; }) {
    return Operation::kGrowth;
  } else {
    return 0;
  }
}

template <typename Operation, unsigned kBytes, Source source>
Parts<kBytes> fetch_float_parts(Cpu& cpu, const Instruction& i) {
  Parts<kBytes> parts{};
  if constexpr (source == Source::kMemory) {
    parts = load_some<kBytes, Operation::kRead*(kBytes / 16)>(cpu, i);
  } else {
    parts = parts_of<kBytes>(cpu, i.source);
  }
  if constexpr (growth<Operation>() > 0 && kBytes == 32) {
    parts[1] = moved_down(parts[0], Operation::kRead);
  }
  return parts;
}

template <typename Operation, unsigned kBytes, Source source>
void execute_vex_float(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto second = fetch_float_parts<Operation, kBytes, source>(cpu, i);
  const auto first = parts_of<kBytes>(cpu, i.extra);
  Context context = context_of(cpu);
  Parts<kBytes> result{};
  for (unsigned n = 0; n < result.size(); ++n) {
    result[n] =
        Operation::apply(first[n], second[n], static_cast<std::uint8_t>(i.immediate), context);
  }
  commit(cpu, context);
  if constexpr (growth<Operation>() < 0 && kBytes == 32) {
    set_parts<16>(cpu, i.destination, {Xmm{{result[0].quads[0], result[1].quads[0]}}});
  } else {
    set_parts<kBytes>(cpu, i.destination, result);
  }
}

template <typename Operation>
bool select_vex_float(const Decoded& decoded, Instruction& record) {
  constexpr bool kScalar = Operation::kRead < 16 && growth<Operation>() == 0;
  return select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler {
    return &step<execute_vex_float<Operation, kScalar ? 16 : kBytes, source>>;  // VEX.L is ignored
  });
}

template <typename Operation>
bool select_float(const Decoded& decoded, Instruction& record) {
  if (is_vex(decoded)) return select_vex_float<Operation>(decoded, record);
  fill_registers(decoded, record);
  record.handler = is_register(decoded, 1) ? &step<execute_float<Operation, Source::kRegister>>
                                           : &step<execute_float<Operation, Source::kMemory>>;
  return true;
}

}  // namespace orrery::hypervisor::soft::simd
