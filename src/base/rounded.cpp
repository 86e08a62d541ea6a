#include "base/rounded.hpp"

#include <array>

#include "base/format.hpp"

namespace orrery {

std::string rounded(std::uint64_t bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  constexpr double kStep = 1024;
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= kStep && unit + 1 < kUnits.size(); ++unit) value /= kStep;
  return unit == 0 ? format("{} bytes", bytes) : format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace orrery
