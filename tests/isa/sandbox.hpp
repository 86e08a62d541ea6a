// Where a test's code and data lie: the same linear addresses on every executor, below 2 GiB, so
// that 32-bit code and sign-extended displacements reach all of it.
//
//   0x1000'0000  code       user, read/write/execute; 2 MiB less a page
//   0x101f'f000  exit page  a test ends by jumping here; one entry per way to run (see below)
//   0x2000'0000  data       user, read/write: operands below, the stack's top at kStackTop
//   0x2000'2000  read-only  user, read
//   the pages around data are not present
#pragma once

#include <cstdint>

#include "base/types.hpp"

namespace orrery::isa {

inline constexpr std::uint64_t kCodeBase = 0x1000'0000;
inline constexpr std::uint64_t kCodeSize = 0x001f'f000;
inline constexpr std::uint64_t kExitPage = kCodeBase + kCodeSize;

inline constexpr std::uint64_t kDataBase = 0x2000'0000;
inline constexpr std::uint64_t kDataSize = 2 * kPageSize;
inline constexpr std::uint64_t kReadOnlyBase = kDataBase + kDataSize;
inline constexpr std::uint64_t kStackTop = kDataBase + kDataSize - 256;

// Holes in the exit page, by how the test runs.
inline constexpr std::uint64_t kExitUser64 = kExitPage;
inline constexpr std::uint64_t kExitUser32 = kExitPage + 0x400;
inline constexpr std::uint64_t kExitSupervisor = kExitPage + 0x800;

// Selectors of 64-bit Linux, so that a PUSH of a segment register gives the same everywhere.
inline constexpr std::uint16_t kUserCode32 = 0x23;
inline constexpr std::uint16_t kUserData = 0x2b;
inline constexpr std::uint16_t kUserCode64 = 0x33;
inline constexpr std::uint16_t kSupervisorCode64 = 0x10;
inline constexpr std::uint16_t kSupervisorData = 0x18;
inline constexpr std::uint16_t kSupervisorCode32 = 0x08;

}  // namespace orrery::isa
