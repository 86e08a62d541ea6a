// Whether an image's tables agree with each other, and counting its clusters anew. Private to
// storage/.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "storage/qcow2/image/image.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::storage::qcow2 {

// Reads all tables; nothing may be in flight. Errors are of reading only: what is wrong with the
// image is in the report.
Task<Result<CheckReport>> check(Image& image);

// Writes new refcounts for the whole file, at its end, and switches to them by one write of the
// header; then mends the "copied" flags and takes back the marks "dirty" and "corrupt". Refuses
// where tables name what cannot be there. For an image that was opened for writing.
Task<Result<>> repair(Image& image);

}  // namespace orrery::storage::qcow2
