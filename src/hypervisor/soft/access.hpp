// What is done to memory, and under which rules it is checked.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.hpp"

namespace orrery::hypervisor::soft {

enum class Access : std::uint8_t { kRead, kWrite, kExecute };

// Each mode has its own TLB entries, so that an entry's presence is permission.
enum class AccessMode : std::uint8_t {
  kUser,            // CPL 3
  kSupervisor,      // CPL 0 to 2, and the processor's own accesses to descriptors
  kSupervisorUser,  // the same with user pages allowed: CR4.SMAP clear or RFLAGS.AC set
  kChecked,         // CPL 3 with alignment checks: always empty, so every access is looked at
};
inline constexpr unsigned kAccessModes = 4;

constexpr bool is_user(AccessMode mode) {
  return mode == AccessMode::kUser || mode == AccessMode::kChecked;
}

// Bytes of RAM that are written directly, though the write has to be noted.
struct GuardedPlace {
  std::byte* host;
  GuestPhysical physical;
};

}  // namespace orrery::hypervisor::soft
