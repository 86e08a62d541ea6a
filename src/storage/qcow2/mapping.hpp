// What an L2 entry says of a stretch of the disk ("L2 table entry" and "Extended L2 entries" in the
// specification). Private to storage/qcow2/.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "storage/qcow2/header.hpp"

namespace orrery::storage::qcow2 {

struct Mapping {
  enum class Kind : std::uint8_t {
    kUnallocated,  // as the backing file has it, or zeroes
    kZero,         // zeroes; perhaps with a cluster kept for them
    kData,
    kCompressed,  // one cluster
  };

  Kind kind = Kind::kUnallocated;
  std::uint64_t length = 0;       // bytes of the disk from the asked offset on
  std::uint64_t host = 0;         // kData: place in the file; kCompressed: where its data begins
  std::uint64_t host_length = 0;  // kCompressed: at most so many bytes
  std::uint64_t entry = 0;        // the first cluster's L2 entry

  // No other table names the cluster, so it may be written where it is.
  bool writable() const { return (entry & kCopiedFlag) != 0 && (entry & kCompressedFlag) == 0; }
};

// Of an entry of 8 bytes.
Mapping::Kind kind_of(std::uint64_t entry, std::uint32_t version);
// Of one subcluster, by the second word of an entry of 16 bytes.
Mapping::Kind kind_of_subcluster(std::uint64_t bitmap, unsigned index);
// Where the data of a compressed cluster is; without a length.
Mapping compressed_mapping(std::uint64_t entry, std::uint32_t cluster_bits);

// "PATH: damaged: WHAT; …", with the remedy.
Error damaged(const std::string& path, std::string what);

}  // namespace orrery::storage::qcow2
