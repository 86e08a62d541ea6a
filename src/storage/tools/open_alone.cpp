#include "storage/tools/open_alone.hpp"

#include <unistd.h>

#include "base/format.hpp"
#include "storage/disk_image.hpp"
#include "storage/io/open_file.hpp"
#include "storage/vhd/image.hpp"
#include "storage/vmdk/image.hpp"

namespace orrery::storage {

Result<std::unique_ptr<qcow2::Disk>> open_alone(EventLoop& loop, const std::string& path,
                                                qcow2::Access access) {
  const auto file_access = access == qcow2::Access::kRead ? FileAccess::kRead : FileAccess::kWrite;
  ORRERY_TRY(auto file, open_image_file(loop, path, file_access));
  qcow2::DiskOptions options;
  options.access = access;
  return qcow2::Disk::open(loop, std::move(file), options);
}

Result<std::unique_ptr<vhdx::Disk>> open_vhdx_alone(EventLoop& loop, const std::string& path,
                                                    vhdx::Access access) {
  const auto file_access = access == vhdx::Access::kRead ? FileAccess::kRead : FileAccess::kWrite;
  ORRERY_TRY(auto file, open_image_file(loop, path, file_access));
  return vhdx::Disk::open(loop, std::move(file), {.access = access, .serial = {}});
}

Result<std::unique_ptr<ReadDisk>> open_read_alone(EventLoop& loop, const std::string& path,
                                                  Format format) {
  ORRERY_TRY(auto file, open_image_file(loop, path, FileAccess::kRead));
  std::unique_ptr<ReadImage> image;
  if (format == Format::kVhd) {
    image = std::make_unique<vhd::Image>(std::move(file));
  } else {
    image = std::make_unique<vmdk::Image>(std::move(file));
  }
  return ReadDisk::open(loop, std::move(image), "");
}

Result<> expect_qcow2(const std::string& path, std::optional<Format> said) {
  if (::access(path.c_str(), R_OK) != 0) return fail_errno(path + ": cannot open");
  ORRERY_TRY(const Format format, choose_format(path, said));
  if (format == Format::kRaw) return fail(path + ": is a raw disk, and this is for qcow2");
  if (format != Format::kQcow2) {
    return fail(orrery::format("{}: is a {}, and this is for qcow2", path, name_of(format)));
  }
  return {};
}

}  // namespace orrery::storage
