// An image in the middle of a chain: only read, and by ChainIndex only, so that it costs a file and
// its header, and no tables in memory. Private to storage/.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "storage/io/disk_executor.hpp"
#include "storage/io/image_file.hpp"
#include "storage/qcow2/header.hpp"
#include "storage/qcow2/identity.hpp"

namespace orrery::storage::qcow2 {

struct Layer {
  std::unique_ptr<ImageFile> file;
  Header header;
  Identities identities;

  std::uint64_t size() const;  // of the disk, whole sectors
};

// Opens and locks the file, and reads its header with plain system calls: nothing but some
// microseconds for each of a thousand links.
Result<Layer> open_layer(const std::string& path, std::shared_ptr<DiskQueue> queue);

}  // namespace orrery::storage::qcow2
