// A qcow2 image as a disk. Private to storage/.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/qcow2/image/image.hpp"
#include "storage/request/below.hpp"
#include "storage/request/task_disk.hpp"

namespace orrery::storage::qcow2 {

struct DiskOptions {
  Access access = Access::kRead;
  std::string serial;
  std::string snapshot;  // its content instead; only for reading
};

class Disk final : public TaskDisk {
 public:
  // Reads the image's tables while it runs the loop, which therefore must not run elsewhere.
  static Result<std::unique_ptr<Disk>> open(EventLoop& loop, std::unique_ptr<ImageFile> file,
                                            const DiskOptions& options);
  // The same on a loop that runs.
  static Task<Result<std::unique_ptr<Disk>>> open_on_loop(EventLoop& loop,
                                                          std::unique_ptr<ImageFile> file,
                                                          DiskOptions options);
  ~Disk() override;

  Image& image() { return image_; }
  const Image& image() const { return image_; }
  // What shows through where nothing is allocated.
  void set_backing(std::unique_ptr<port::Blocks> backing);
  void set_below(std::unique_ptr<Below> below);
  // Lays this disk over another, which is flushed, has no request under way and is good for nothing
  // else afterwards: its file becomes the top link of a chain, so that a read costs the same
  // however often that is done.
  void lay_over(Disk& disk);
  // How many qcow2 there are, one over the other; this one counts.
  std::size_t links() const;

 protected:
  Task<Result<>> serve(const port::BlockRequest& request) override;
  Task<Result<port::BlockExtent>> find_extent(std::uint64_t offset, std::uint64_t length) override;
  Task<Result<>> change_size(Bytes size) override;

 private:
  Disk(EventLoop& loop, std::unique_ptr<ImageFile> file);
  Task<Result<>> open_image(DiskOptions options);

  Image image_;
  std::unique_ptr<Below> below_;
};

}  // namespace orrery::storage::qcow2
