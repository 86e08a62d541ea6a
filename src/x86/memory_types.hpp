// Memory types of MTRRs and the page attribute table (SDM vol. 3A, tables 11-2, 11-8 and 11-10).
#pragma once

#include <cstdint>

namespace orrery::x86 {

enum class MemoryType : std::uint8_t {
  kUncacheable = 0,
  kWriteCombining = 1,
  kWriteThrough = 4,
  kWriteProtected = 5,
  kWriteBack = 6,
  kUncached = 7,  // UC-, in the PAT only
};

constexpr bool is_pat_type(std::uint8_t raw) {
  return raw <= 1 || (raw >= 4 && raw <= 7);
}

constexpr bool is_mtrr_type(std::uint8_t raw) {
  return raw <= 1 || (raw >= 4 && raw <= 6);
}

}  // namespace orrery::x86
