// A VHD, only read: fixed, dynamic and differencing ("Virtual Hard Disk Image Format
// Specification", version 1.0). Private to storage/.
#pragma once

#include <string>
#include <vector>

#include "storage/request/read_disk.hpp"
#include "storage/vhd/header.hpp"

namespace orrery::storage::vhd {

class Image final : public ReadImage {
 public:
  using ReadImage::ReadImage;

  Task<Result<>> open() override;
  Task<Result<Stretch>> map(std::uint64_t offset, std::uint64_t length) override;

  const Footer& footer() const { return footer_; }
  const DynamicHeader& header() const { return header_; }  // but of a fixed one
  // Where its parent may be, as it stands there: relative paths first.
  const std::vector<std::string>& parent_paths() const { return parent_paths_; }

 private:
  Task<Result<>> read_footer();
  Task<Result<>> read_header();

  Footer footer_;
  DynamicHeader header_;
  std::vector<std::string> parent_paths_;
};

}  // namespace orrery::storage::vhd
