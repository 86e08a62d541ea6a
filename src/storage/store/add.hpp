// Adding a disk of any format to an image store: the work behind `orrery store add`.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "storage/disk_image.hpp"
#include "storage/tools/disk_tools.hpp"
#include "store/writer.hpp"

namespace orrery::storage {

struct AddOptions {
  DiskOptions disk;  // is opened read-only
  std::string name;
  std::vector<std::string> tags;
  int level = 3;  // of zstd
  bool replace = false;
};

// Reads what is allocated and not known to be zeroes. Runs the loop, which nobody else may run.
Result<store::WriteReport> add_to_store(EventLoop& loop, store::Store& store,
                                        const AddOptions& options, const Progress& progress);

}  // namespace orrery::storage
