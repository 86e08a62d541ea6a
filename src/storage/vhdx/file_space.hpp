// Which parts of a VHDX file are in use, in units of 1 MiB. Private to storage/.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace orrery::storage::vhdx {

class FileSpace {
 public:
  struct Use {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };

  // Everything that USES does not name is free. The first two that lie over each other, if any do.
  std::optional<std::pair<Use, Use>> reset(std::vector<Use> uses, std::uint64_t file_size);

  struct Place {
    std::uint64_t offset = 0;
    bool fresh = false;  // behind what the file ever had, so it reads as zeroes
  };
  Place allocate(std::uint64_t length);
  void release(std::uint64_t offset, std::uint64_t length);

 private:
  std::map<std::uint64_t, std::uint64_t> free_;  // lengths by offset
  std::uint64_t end_ = 0;                        // nothing was ever there from here on
};

}  // namespace orrery::storage::vhdx
