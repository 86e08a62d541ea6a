// What a qcow2 says that lies below it, and the files of one chain. Private to storage/.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <sys/types.h>

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

// The files of one chain, none of which may be in it twice.
class ChainLinks {
 public:
  // Fails where the file is there already, or where there are kMostLinks.
  Result<> enter(const std::string& path);
  std::size_t count() const { return files_.size(); }

 private:
  struct File {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const File&, const File&) = default;
  };
  std::vector<File> files_;
};

}  // namespace orrery::storage
