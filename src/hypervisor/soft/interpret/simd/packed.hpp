// A vector value of 8 bytes (MMX) or 16 bytes (XMM), and the ways in which operations run over its
// lanes. An operation is a type with
//
//   template <unsigned kBytes>
//   static Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source [, imm]);
//
// so that one definition serves every register width (SDM vol. 1, chapters 9 to 12).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace orrery::hypervisor::soft::simd {

template <unsigned kBytes>
struct Packed {
  std::array<std::uint64_t, kBytes / 8> quads{};

  // All lanes as unsigned or signed integers of one width, lane 0 the lowest.
  template <typename T>
  using Lanes = std::array<T, kBytes / sizeof(T)>;

  template <typename T>
  constexpr Lanes<T> as() const {
    return std::bit_cast<Lanes<T>>(quads);
  }
  template <typename T, std::size_t kLanes>
  static constexpr Packed from(const std::array<T, kLanes>& lanes) {
    static_assert(sizeof lanes == kBytes);
    return {std::bit_cast<std::array<std::uint64_t, kBytes / 8>>(lanes)};
  }
};

using Xmm = Packed<16>;
using Mmx = Packed<8>;

// One function over pairs of lanes: Function::of(a, b).
template <typename T, typename Function>
struct Lanewise {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes> destination, Packed<kBytes> source) {
    auto result = destination.template as<T>();
    const auto other = source.template as<T>();
    for (unsigned n = 0; n < result.size(); ++n) result[n] = Function::of(result[n], other[n]);
    return Packed<kBytes>::from(result);
  }
};

// One function over the lanes of the source alone: Function::of(a).
template <typename T, typename Function>
struct LanewiseUnary {
  template <unsigned kBytes>
  static constexpr Packed<kBytes> apply(Packed<kBytes>, Packed<kBytes> source) {
    auto result = source.template as<T>();
    for (T& lane : result) lane = Function::of(lane);
    return Packed<kBytes>::from(result);
  }
};

// VALUE brought into the range of T.
template <typename T>
constexpr T saturate(std::int64_t value) {
  constexpr std::int64_t kLowest = std::numeric_limits<T>::min();
  constexpr std::int64_t kHighest = std::numeric_limits<T>::max();
  return static_cast<T>(value < kLowest ? kLowest : value > kHighest ? kHighest : value);
}

}  // namespace orrery::hypervisor::soft::simd
