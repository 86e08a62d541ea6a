// Reading of compressed clusters. Private to storage/qcow2/; on the loop's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "storage/io/buffer_cursor.hpp"
#include "storage/io/image_file.hpp"
#include "storage/qcow2/mapping.hpp"

namespace orrery::storage::qcow2 {

// The last one that was read stays in memory: readers go on where they stopped.
class UnpackedCluster {
 public:
  // LENGTH bytes from SKIP on in the cluster that MAPPING describes. FILE and HEADER: of its image.
  Task<Result<>> read(ImageFile& file, const Header& header, Mapping mapping, std::uint64_t skip,
                      std::uint64_t length, BufferCursor& to);

 private:
  Task<Result<>> load(ImageFile& file, const Header& header, Mapping mapping);

  const ImageFile* file_ = nullptr;  // null: nothing is in memory
  std::uint64_t entry_ = 0;          // the cluster's L2 entry
  std::vector<std::byte> bytes_;
};

}  // namespace orrery::storage::qcow2
