// The x87 control, status and tag words (SDM vol. 1, 8.1.3 to 8.1.7).
#pragma once

#include <cstdint>

#include "x86/state.hpp"

namespace orrery::hypervisor::soft::x87 {

//   15  14  13..11  10  9   8   7   6   5   4   3   2   1   0
//  | B | C3 | TOP | C2 | C1 | C0 | ES | SF | PE | UE | OE | ZE | DE | IE |
namespace status {
inline constexpr std::uint16_t kExceptions = 0x3f;  // PE .. IE
inline constexpr std::uint16_t kStackFault = 1u << 6;
inline constexpr std::uint16_t kErrorSummary = 1u << 7;
inline constexpr std::uint16_t kC0 = 1u << 8;
inline constexpr std::uint16_t kC1 = 1u << 9;
inline constexpr std::uint16_t kC2 = 1u << 10;
inline constexpr std::uint16_t kC3 = 1u << 14;
inline constexpr std::uint16_t kConditions = kC0 | kC1 | kC2 | kC3;
inline constexpr unsigned kTopShift = 11;
inline constexpr std::uint16_t kTop = 7u << kTopShift;
inline constexpr std::uint16_t kBusy = 1u << 15;
}  // namespace status

//   12  11..10  9..8  5   4   3   2   1   0
//  | X |  RC  |  PC | PM | UM | OM | ZM | DM | IM |
namespace control {
inline constexpr std::uint16_t kMasks = 0x3f;
inline constexpr std::uint16_t kDefined = 0x1f3f;
inline constexpr std::uint16_t kAlwaysOne = 0x40;
inline constexpr std::uint16_t kInitial = 0x037f;
inline constexpr unsigned kPrecisionShift = 8;
inline constexpr unsigned kRoundingShift = 10;
}  // namespace control

inline unsigned top(const x86::X87& unit) {
  return (unit.status & status::kTop) >> status::kTopShift;
}
inline void set_top(x86::X87& unit, unsigned top) {
  unit.status =
      static_cast<std::uint16_t>((unit.status & ~status::kTop) | ((top & 7u) << status::kTopShift));
}
// Physical number of ST(i).
inline unsigned physical(const x86::X87& unit, unsigned i) {
  return (top(unit) + i) & 7u;
}

// ES and its copy B follow from the exception flags and their masks; call it after either changed.
inline void update_summary(x86::X87& unit) {
  const bool pending = (unit.status & ~unit.control & status::kExceptions) != 0;
  constexpr std::uint16_t kSummary = status::kErrorSummary | status::kBusy;
  unit.status =
      static_cast<std::uint16_t>(pending ? unit.status | kSummary : unit.status & ~kSummary);
}

inline void set_control(x86::X87& unit, std::uint16_t value) {
  unit.control = static_cast<std::uint16_t>((value & control::kDefined) | control::kAlwaysOne);
  update_summary(unit);
}

}  // namespace orrery::hypervisor::soft::x87
