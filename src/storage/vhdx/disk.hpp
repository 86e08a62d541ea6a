// A VHDX image as a disk. Private to storage/.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/request/task_disk.hpp"
#include "storage/vhdx/image.hpp"

namespace orrery::storage::vhdx {

struct DiskOptions {
  Access access = Access::kRead;
  std::string serial;
};

class Disk final : public TaskDisk {
 public:
  // Reads the image's tables while it runs the loop, which therefore must not run elsewhere.
  static Result<std::unique_ptr<Disk>> open(EventLoop& loop, std::unique_ptr<ImageFile> file,
                                            const DiskOptions& options);
  ~Disk() override;

  Image& image() { return image_; }
  // What shows through where nothing is present.
  void set_parent(std::unique_ptr<port::Blocks> parent);

 protected:
  Task<Result<>> serve(const port::BlockRequest& request) override;
  Task<Result<port::BlockExtent>> find_extent(std::uint64_t offset, std::uint64_t length) override;
  Task<Result<>> change_size(Bytes size) override;

 private:
  Disk(EventLoop& loop, std::unique_ptr<ImageFile> file);

  Image image_;
  std::unique_ptr<port::Blocks> parent_;
};

}  // namespace orrery::storage::vhdx
