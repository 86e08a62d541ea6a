// The file that a disk format keeps its disk in: bytes at offsets, which grow by writes behind the
// end. Everything goes through a DiskExecutor, so that tests put a file with power cuts below.
// Private to storage/; on the loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "storage/io/disk_executor.hpp"

namespace orrery::storage {

inline Vectors vectors_of(MutableByteSpan bytes) {
  return {{bytes.data(), bytes.size()}};
}

// 64 KiB of zeroes, as the source of writes.
MutableByteSpan zero_bytes();

class ImageFile {
 public:
  struct Write {
    std::uint64_t offset = 0;
    Vectors vectors;
  };

  ImageFile(std::unique_ptr<DiskExecutor> executor, std::string path, std::uint64_t size)
      : executor_(std::move(executor)), path_(std::move(path)), size_(size) {}

  const std::string& path() const { return path_; }
  // The end of what has been written so far, or was there.
  std::uint64_t size() const { return size_; }

  // From now on reads see these pages of 4 KiB (by offset; empty: zeroes) instead of what the file
  // has there, and a file of SIZE at least. For a log that is carried out in memory only.
  void lay_over(std::map<std::uint64_t, std::vector<std::byte>> pages, std::uint64_t size);

  // Behind the end there are zeroes.
  Task<Result<>> read(std::uint64_t offset, Vectors vectors);
  Task<Result<>> write(std::uint64_t offset, Vectors vectors);
  // All at the same time, in any order.
  Task<Result<>> write_all(std::vector<Write> writes);
  // What was written before is durable afterwards (fdatasync).
  Task<Result<>> sync();
  // Gives the space back to the host and reads as zeroes afterwards; false: the host cannot.
  Task<Result<bool>> punch(std::uint64_t offset, std::uint64_t length);
  Task<Result<>> write_zeroes(std::uint64_t offset, std::uint64_t length);

  DiskExecutor& executor() { return *executor_; }

  // For the end: waits for what is in flight, and resumes nobody.
  void stop() { executor_.reset(); }

 private:
  Task<Result<>> read_patched(std::uint64_t offset, Vectors vectors);
  Task<Result<>> transfer(DiskOperation::Call call, std::uint64_t offset, Vectors vectors);
  void patch(std::uint64_t offset, const Vectors& vectors) const;
  Task<std::int64_t> call(DiskOperation& operation);

  std::unique_ptr<DiskExecutor> executor_;
  const std::string path_;
  std::uint64_t size_;
  std::map<std::uint64_t, std::vector<std::byte>> laid_over_;
};

}  // namespace orrery::storage
