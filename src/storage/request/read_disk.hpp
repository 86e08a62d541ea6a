// Disks of formats that are only read: a format says where each byte is, the port around it is the
// same for all. Private to storage/; on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "storage/io/buffer_cursor.hpp"
#include "storage/io/image_file.hpp"
#include "storage/io/page_cache.hpp"
#include "storage/request/task_disk.hpp"

namespace orrery::storage {

// Of one kind.
struct Stretch {
  enum class Kind : std::uint8_t {
    kBelow,  // as the disk below has it; without one, zeroes
    kZero,
    kData,    // as it is in the file
    kPacked,  // as the format packs it
  };

  Kind kind = Kind::kBelow;
  std::uint64_t length = 0;  // bytes of the disk from the asked offset on
  std::uint64_t host = 0;    // kData: place in the file; kPacked: of the packed data
};

class ReadImage {
 public:
  // Tables in memory: 8 MiB of pages.
  static constexpr std::size_t kMostPages = 2048;

  explicit ReadImage(std::unique_ptr<ImageFile> file)
      : file_(std::move(file)), tables_(*file_, kMostPages) {}
  virtual ~ReadImage() = default;

  // Before anything else.
  virtual Task<Result<>> open() = 0;
  // At least one byte, at most LENGTH; within the disk.
  virtual Task<Result<Stretch>> map(std::uint64_t offset, std::uint64_t length) = 0;
  // A stretch that map() found at OFFSET to be packed.
  virtual Task<Result<>> read_packed(Stretch stretch, std::uint64_t offset, BufferCursor& to);

  Task<Result<>> read_data(std::uint64_t host, Vectors to) {
    return file_->read(host, std::move(to));
  }

  const std::string& path() const { return file_->path(); }
  std::uint64_t size() const { return size_; }  // of the disk, bytes
  // What shows through; has to outlive the image.
  void set_below(port::Blocks* below) { below_ = below; }
  port::Blocks* below() const { return below_; }
  // For the end: waits for what is in flight in the file, and resumes no task any more.
  void stop();

 protected:
  Error damaged(std::string what) const;
  // A number in a table of the file.
  Task<Result<std::uint32_t>> load_be32(std::uint64_t at);
  Task<Result<std::uint32_t>> load_le32(std::uint64_t at);

  std::unique_ptr<ImageFile> file_;
  PageCache tables_;
  std::uint64_t size_ = 0;

 private:
  port::Blocks* below_ = nullptr;
};

class ReadDisk final : public TaskDisk {
 public:
  // Runs the loop, which therefore must not run elsewhere.
  static Result<std::unique_ptr<ReadDisk>> open(EventLoop& loop, std::unique_ptr<ReadImage> image,
                                                const std::string& serial);
  ~ReadDisk() override;

  ReadImage& image() { return *image_; }
  void set_below(std::unique_ptr<port::Blocks> below);

 protected:
  Task<Result<>> serve(const port::BlockRequest& request) override;
  Task<Result<port::BlockExtent>> find_extent(std::uint64_t offset, std::uint64_t length) override;
  Task<Result<>> change_size(Bytes size) override;

 private:
  ReadDisk(EventLoop& loop, std::unique_ptr<ReadImage> image);

  std::unique_ptr<ReadImage> image_;
  std::unique_ptr<port::Blocks> below_;
};

}  // namespace orrery::storage
