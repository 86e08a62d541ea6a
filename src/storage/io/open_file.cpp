#include "storage/io/open_file.hpp"

#include "base/log.hpp"
#include "storage/io/disk_file.hpp"

namespace orrery::storage {
namespace {

// An executor and the file that it works on.
class OwningExecutor final : public DiskExecutor {
 public:
  OwningExecutor(FileDescriptor file, std::unique_ptr<DiskExecutor> executor)
      : file_(std::move(file)), executor_(std::move(executor)) {}
  void start(DiskOperation& operation) override { executor_->start(operation); }

 private:
  const FileDescriptor file_;
  const std::unique_ptr<DiskExecutor> executor_;
};

}  // namespace

std::unique_ptr<DiskExecutor> create_executor(EventLoop& loop, int file, const std::string& path) {
  auto uring = create_uring_executor(loop, file);
  if (uring) return std::move(*uring);
  log::info(
      "{}: {}; using a thread instead, which is slower (allow io_uring in the sandbox, or set "
      "kernel.io_uring_disabled to 0)",
      path, uring.error().message());
  return create_thread_executor(loop, file);
}

Result<std::unique_ptr<ImageFile>> open_image_file(EventLoop& loop, const std::string& path,
                                                   FileAccess access) {
  RawDiskOptions options;
  options.path = path;
  options.read_only = access == FileAccess::kRead;
  auto file = open_disk_file(options);
  if (!file) return fail(file.error().context(path));
  const std::uint64_t size = file->size.value();
  const int descriptor = file->descriptor.get();
  auto executor = std::make_unique<OwningExecutor>(std::move(file->descriptor),
                                                   create_executor(loop, descriptor, path));
  return std::make_unique<ImageFile>(std::move(executor), path, size);
}

}  // namespace orrery::storage
