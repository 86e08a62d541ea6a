#include "storage/io/open_file.hpp"

#include <utility>

#include <sys/resource.h>

#include "base/log.hpp"
#include "storage/io/write_behind.hpp"
#include "storage/lease/leased_executor.hpp"

namespace orrery::storage {
namespace {

class QueuedExecutor final : public DiskExecutor {
 public:
  QueuedExecutor(std::shared_ptr<DiskQueue> queue, int file)
      : queue_(std::move(queue)), file_(file) {}
  ~QueuedExecutor() override { queue_->leave(file_); }
  void start(DiskOperation& operation) override {
    operation.file = file_;
    queue_->start(operation);
  }
  std::shared_ptr<DiskQueue> queue() override { return queue_; }

 private:
  const std::shared_ptr<DiskQueue> queue_;
  const int file_;
};

// An executor and the file that it works on.
class OwningExecutor final : public DiskExecutor {
 public:
  OwningExecutor(FileDescriptor file, std::shared_ptr<DiskQueue> queue)
      : file_(std::move(file)), executor_(std::move(queue), file_.get()) {}
  void start(DiskOperation& operation) override { executor_.start(operation); }
  std::shared_ptr<DiskQueue> queue() override { return executor_.queue(); }
  Result<> lock(FileLock kind) override { return lock_file(file_.get(), kind); }

 private:
  const FileDescriptor file_;
  QueuedExecutor executor_;
};

}  // namespace

std::unique_ptr<DiskExecutor> create_queued_executor(std::shared_ptr<DiskQueue> queue, int file) {
  return std::make_unique<QueuedExecutor>(std::move(queue), file);
}

std::shared_ptr<DiskQueue> create_queue(EventLoop& loop, const std::string& path) {
  auto uring = create_uring_queue(loop);
  if (uring) return std::move(*uring);
  log::info(
      "{}: {}; using a thread instead, which is slower (allow io_uring in the sandbox, or set "
      "kernel.io_uring_disabled to 0)",
      path, uring.error().message());
  return create_thread_queue(loop);
}

std::unique_ptr<DiskExecutor> create_executor(EventLoop& loop, int file, const std::string& path) {
  return create_queued_executor(create_queue(loop, path), file);
}

Result<std::unique_ptr<ImageFile>> open_image_file(EventLoop& loop, const std::string& path,
                                                   FileAccess access) {
  return open_image_file(create_queue(loop, path), path, access);
}

Result<std::unique_ptr<ImageFile>> open_image_file(std::shared_ptr<DiskQueue> queue,
                                                   const std::string& path, FileAccess access) {
  RawDiskOptions options;
  options.path = path;
  options.read_only = access == FileAccess::kRead;
  auto file = open_disk_file(options);
  if (!file) return fail(file.error().context(path));
  return image_file_of(std::move(*file), path, std::move(queue), access);
}

std::unique_ptr<ImageFile> image_file_of(DiskFile file, const std::string& path,
                                         std::shared_ptr<DiskQueue> queue, FileAccess access) {
  const std::uint64_t size = file.size.value();
  std::unique_ptr<DiskExecutor> executor =
      std::make_unique<OwningExecutor>(std::move(file.descriptor), std::move(queue));
  if (file.lease) {
    executor = std::make_unique<LeasedExecutor>(std::move(executor), std::move(file.lease));
  }
  if (access == FileAccess::kWriteBehind) {
    executor = std::make_unique<WriteBehind>(std::move(executor));
  }
  return std::make_unique<ImageFile>(std::move(executor), path, size);
}

void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // opening says it where there are too few
}

}  // namespace orrery::storage
