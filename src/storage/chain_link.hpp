// What a qcow2 says that lies below it. Private to storage/.
#pragma once

#include <string>

#include "base/error.hpp"
#include "storage/disk_image.hpp"
#include "storage/qcow2/header.hpp"

namespace orrery::storage {

// Chains grow by one with each snapshot; a thousand is what we aim to open. Each link holds a file
// open, because the lock that keeps others from writing to it lives as long.
inline constexpr std::size_t kMostLinks = 1024;

// How the backing file that HEADER names, which is of the image at PATH, is to be opened: for
// reading, as the format that is said. Where none is said it has to look raw (decision 6).
Result<DiskOptions> options_below(const std::string& path, const qcow2::Header& header);

}  // namespace orrery::storage
