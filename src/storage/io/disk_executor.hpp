// Who carries out the system calls of a disk without making the loop wait: io_uring, or a thread
// where io_uring is not to be had. Private to storage/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <sys/uio.h>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/types.hpp"

namespace orrery::storage {

using Vectors = std::vector<iovec>;

inline std::uint64_t length_of(const Vectors& vectors) {
  std::uint64_t length = 0;
  for (const iovec& vector : vectors) length += vector.iov_len;
  return length;
}

// One system call on the disk's file. It stays where it is until `done` has been called.
struct DiskOperation {
  enum class Call : std::uint8_t {
    kRead,
    kWrite,
    kDataSync,
    kFallocate,
    kWriteBack,  // begins to write out what is in memory (sync_file_range(2)), and promises nothing
  };

  Call call = Call::kRead;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // kFallocate; kWriteBack, less than 4 GiB
  int mode = 0;              // kFallocate
  Vectors vectors;           // kRead, kWrite: at most IOV_MAX
  int file = -1;             // descriptor; set by the executor
  // On the loop: what the call returned, or minus errno.
  std::function<void(std::int64_t result)> done;
};

// One writer, or many readers, of a file.
enum class FileLock : std::uint8_t { kManyReaders, kOneWriter };

class DiskQueue;

class DiskExecutor {
 public:
  // Waits for operations in flight; their `done` is not called any more.
  virtual ~DiskExecutor() = default;

  // On the loop's thread. Operations may be carried out in any order.
  virtual void start(DiskOperation& operation) = 0;

  // What other files' operations may share; nullptr: it works on no file of the host's.
  virtual std::shared_ptr<DiskQueue> queue() { return nullptr; }
  // Who else may open the file from now on.
  virtual Result<> lock(FileLock /*kind*/) { return {}; }
};

// Carries out the operations of any number of files, so that a chain of a thousand images has one
// ring and not a thousand. Executors share it, and the last one to go takes it along.
class DiskQueue {
 public:
  virtual ~DiskQueue() = default;

  // On the loop's thread, as start() of an executor. OPERATION names its file.
  virtual void start(DiskOperation& operation) = 0;
  // Waits for the operations of FILE; their `done` is not called any more.
  virtual void leave(int file) = 0;
};

Result<std::shared_ptr<DiskQueue>> create_uring_queue(EventLoop& loop);
std::shared_ptr<DiskQueue> create_thread_queue(EventLoop& loop);
// FILE has to outlive it, and has no other executor on the queue.
std::unique_ptr<DiskExecutor> create_queued_executor(std::shared_ptr<DiskQueue> queue, int file);

}  // namespace orrery::storage
