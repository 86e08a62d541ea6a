// Opening, locking and measuring the file behind a raw disk. Private to storage/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/types.hpp"
#include "storage/io/disk_executor.hpp"
#include "storage/lease/lease_keeper.hpp"
#include "storage/raw_disk.hpp"

namespace orrery::storage {

struct DiskFile {
  FileDescriptor descriptor;
  Bytes size;
  std::uint32_t logical_block_size = 512;
  std::uint32_t physical_block_size = 4096;
  bool can_punch = false;  // holes cost no writing
  // Of a file that is written and has leases; shared with the LeasedExecutor that asks it.
  std::shared_ptr<LeaseKeeper> lease;
};

// A lock of this opening of the file, which ends with it; it goes over from the one kind to the
// other without a gap.
Result<> lock_file(int descriptor, FileLock kind);

// Waits for the lease of a disk that has leases, where an owner is not heard of.
Result<DiskFile> open_disk_file(const RawDiskOptions& options);

}  // namespace orrery::storage
