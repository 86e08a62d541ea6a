// A host file as an ImageFile, opened and locked. Private to storage/.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "storage/io/disk_executor.hpp"
#include "storage/io/disk_file.hpp"
#include "storage/io/image_file.hpp"

namespace orrery::storage {

// io_uring, or a thread where there is none. PATH: for what is logged.
std::shared_ptr<DiskQueue> create_queue(EventLoop& loop, const std::string& path);
std::unique_ptr<DiskExecutor> create_executor(EventLoop& loop, int file, const std::string& path);

enum class FileAccess : std::uint8_t {
  kRead,
  kWrite,
  kWriteBehind,  // and what is written is sent on its way to the disk soon (write_behind.hpp)
};
Result<std::unique_ptr<ImageFile>> open_image_file(EventLoop& loop, const std::string& path,
                                                   FileAccess access);
Result<std::unique_ptr<ImageFile>> open_image_file(std::shared_ptr<DiskQueue> queue,
                                                   const std::string& path, FileAccess access);
// One that is open already. PATH: for errors.
std::unique_ptr<ImageFile> image_file_of(DiskFile file, const std::string& path,
                                         std::shared_ptr<DiskQueue> queue,
                                         FileAccess access = FileAccess::kRead);

// Raises the process's limit of open files as far as it may by itself (RLIMIT_NOFILE,
// setrlimit(2)).
void allow_many_files();

}  // namespace orrery::storage
