// The folder with the leases of a disk, "DISK.lease": a file for each owner, named by its token.
// docs/formats/disk-lease.md. Private to storage/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::storage {

// What is asked of it; the seam below which tests put hosts whose links fail. One thread at a time.
class LeaseFolder {
 public:
  virtual ~LeaseFolder() = default;

  // What files there are, in any order.
  virtual Result<std::vector<std::uint64_t>> tokens() = 0;
  // nullopt: there is none.
  virtual Result<std::optional<std::vector<std::byte>>> read(std::uint64_t token) = 0;
  // Durably, whole, and by one of all hosts only; false: there is one already.
  virtual Result<bool> create(std::uint64_t token, ByteSpan bytes) = 0;
  // Durably, one that was created here.
  virtual Result<> write(ByteSpan bytes) = 0;
  virtual Result<bool> exists(std::uint64_t token) = 0;
  virtual void remove(std::uint64_t token) = 0;
};

std::string lease_folder_path(const std::string& disk);
// nullptr: there is no such folder.
Result<std::unique_ptr<LeaseFolder>> open_lease_folder(const std::string& disk);

}  // namespace orrery::storage
