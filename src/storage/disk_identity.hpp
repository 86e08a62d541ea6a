// What tells one content of a disk from another, so that a disk which depends on a changed parent
// is not opened (docs/decisions/0009-identifiers-of-content.md). Private to storage/.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::storage {

struct DiskIdentity {
  enum class Kind : std::uint32_t {
    kNone = 0,        // nothing is known
    kIdentifier = 1,  // drawn anew with the first change after an open
    kFile = 2,        // the file's size and when it was changed: of what keeps no identifier
  };

  Kind kind = Kind::kNone;
  std::array<std::byte, 16> identifier{};  // kIdentifier
  std::uint64_t file_size = 0;             // kFile: bytes
  std::uint64_t changed = 0;  // when the content became this one, ns since 1970 (host's clock);
                              // 0: not known

  friend bool operator==(const DiskIdentity&, const DiskIdentity&) = default;
};

// A new one, which no other content has.
DiskIdentity draw_identity();

// Of a file that keeps none itself.
Result<DiskIdentity> identity_of_file(const std::string& path);

// "5f0c… of 2026-11-26 01:02:03 UTC", for people.
std::string describe(const DiskIdentity& identity);

}  // namespace orrery::storage
