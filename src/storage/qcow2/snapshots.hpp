// Internal snapshots: the table of them ("Snapshots" in the specification). Private to storage/.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "storage/io/image_file.hpp"
#include "storage/qcow2/header.hpp"
#include "storage/qcow2/image/image.hpp"

namespace orrery::storage::qcow2 {

Task<Result<std::vector<Snapshot>>> read_snapshot_table(ImageFile& file, const Header& header);

// What the table takes in the file, bytes.
std::uint64_t snapshot_table_length(const std::vector<Snapshot>& snapshots);

}  // namespace orrery::storage::qcow2
