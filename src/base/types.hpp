// Strong integer types, so that no naked integer crosses an interface.
//
// A strong integer is constructed explicitly, compared with its own kind, and moved by plain
// distances: `address + 8`, `address_b - address_a`. `value()` gives the number back where bits are
// needed.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace orrery {

template <typename Tag, typename Representation = std::uint64_t>
class StrongInteger {
 public:
  using Value = Representation;

  constexpr StrongInteger() = default;
  constexpr explicit StrongInteger(Representation value) : value_(value) {}

  constexpr Representation value() const { return value_; }

  friend constexpr auto operator<=>(StrongInteger, StrongInteger) = default;

  constexpr StrongInteger operator+(Representation distance) const {
    return StrongInteger(static_cast<Representation>(value_ + distance));
  }
  constexpr StrongInteger operator-(Representation distance) const {
    return StrongInteger(static_cast<Representation>(value_ - distance));
  }
  constexpr Representation operator-(StrongInteger other) const {
    return static_cast<Representation>(value_ - other.value_);
  }
  constexpr StrongInteger& operator+=(Representation distance) {
    value_ = static_cast<Representation>(value_ + distance);
    return *this;
  }

 private:
  Representation value_{};
};

// Where the guest's processor puts an access on its bus, after paging.
using GuestPhysical = StrongInteger<struct GuestPhysicalTag>;
// Where the guest's code asks for an access, after segmentation and before paging (SDM vol. 3A, 3.1
// "linear").
using GuestLinear = StrongInteger<struct GuestLinearTag>;

// A span of the machine's time in nanoseconds, and a moment as nanoseconds since the machine was
// powered on.
using Ticks = StrongInteger<struct TicksTag, std::int64_t>;
inline constexpr Ticks kTicksPerSecond{1'000'000'000};

using Bytes = StrongInteger<struct BytesTag>;
using BitsPerSecond = StrongInteger<struct BitsPerSecondTag>;

// Number of a virtual processor within its VM, 0 to 15; also its initial local APIC id.
using VcpuId = StrongInteger<struct VcpuIdTag, std::uint32_t>;
using VmId = StrongInteger<struct VmIdTag>;

inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr unsigned kPageShift = 12;

constexpr std::uint64_t operator""_KiB(unsigned long long n) {
  return n << 10;
}
constexpr std::uint64_t operator""_MiB(unsigned long long n) {
  return n << 20;
}
constexpr std::uint64_t operator""_GiB(unsigned long long n) {
  return n << 30;
}

}  // namespace orrery

template <typename Tag, typename Representation>
struct std::hash<orrery::StrongInteger<Tag, Representation>> {
  std::size_t operator()(orrery::StrongInteger<Tag, Representation> value) const noexcept {
    return std::hash<Representation>{}(value.value());
  }
};
