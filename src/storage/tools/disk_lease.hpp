// Who may write to a disk that several hosts see, for `orrery disk`
// (docs/decisions/0036-leases-with-fences.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace orrery::storage {

struct LeaseDescription {
  bool held = false;  // by the last one's own word: it may be gone
  std::uint64_t token = 0;
  std::uint64_t seconds = 0;  // how long one lasts
  std::string host;
  std::uint32_t process = 0;
  std::string text;  // all that, for people
};

// nullopt: it has no leases.
Result<std::optional<LeaseDescription>> describe_lease(const std::string& path);

// The next one need not wait for whoever has it. An owner that is alive notices within a sixth of
// the lease's time, and until then both may write.
Result<> break_disk_lease(const std::string& path);

}  // namespace orrery::storage
