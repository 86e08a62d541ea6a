// A VMDK of one sparse file, only read: stream-optimized (as appliances and exports have it) and
// monolithic ("Virtual Disk Format 5.0", VMware). Private to storage/.
#pragma once

#include <vector>

#include "storage/request/read_disk.hpp"
#include "storage/vmdk/header.hpp"

namespace orrery::storage::vmdk {

class Image final : public ReadImage {
 public:
  using ReadImage::ReadImage;

  Task<Result<>> open() override;
  Task<Result<Stretch>> map(std::uint64_t offset, std::uint64_t length) override;
  Task<Result<>> read_packed(Stretch stretch, std::uint64_t offset, BufferCursor& to) override;

  const Header& header() const { return header_; }
  const Descriptor& descriptor() const { return descriptor_; }
  std::uint64_t grain_bytes() const { return header_.grain_size * kSector; }

 private:
  Task<Result<>> read_headers();
  Task<Result<>> read_descriptor();
  Task<Result<>> unpack(std::uint64_t place, std::uint64_t grain);

  Header header_;
  Descriptor descriptor_;
  // The last grain that was unpacked: readers go on where they stopped.
  std::uint64_t unpacked_place_ = 0;  // 0: none
  std::vector<std::byte> unpacked_;
};

}  // namespace orrery::storage::vmdk
