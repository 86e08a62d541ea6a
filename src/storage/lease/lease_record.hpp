// Who may write to a disk, as bytes: docs/formats/disk-lease.md. Private to storage/.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/disk_image.hpp"

namespace orrery::storage {

// A host's, of this start of its kernel: two that are equal see each other's file locks.
using BootId = std::array<std::byte, 16>;

struct LeaseRecord {
  enum class State : std::uint32_t { kHeld = 1, kReleased = 2 };

  // One sector, which is written whole or not at all.
  static constexpr std::size_t kBytes = 512;
  static constexpr std::size_t kMostHost = 64;  // letters of its name
  State state = State::kHeld;
  std::uint64_t token = 0;  // the fence: of two owners the later one has the greater
  std::uint64_t beats = 0;  // renewals so far
  // Without a beat, before it is over: kShortestLease to kLongestLease.
  std::chrono::milliseconds duration{};
  std::uint64_t taken = 0;    // ns since 1970 by the owner's clock, for people
  std::uint64_t renewed = 0;  // likewise
  BootId boot{};
  std::uint32_t process = 0;
  std::string host;

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

using LeaseBytes = std::array<std::byte, LeaseRecord::kBytes>;

// A longer host's name is cut.
LeaseBytes to_bytes(const LeaseRecord& record);
Result<LeaseRecord> parse_lease(ByteSpan bytes);

// "host-7 (process 4711), since 2026-11-28 01:02:03 UTC, renewed ..., token 3", for people.
std::string describe(const LeaseRecord& record);

}  // namespace orrery::storage
