// DiskExecutor with one thread that makes the system calls one after the other: for hosts that deny
// io_uring (containers, hardened kernels).
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "storage/io/disk_executor.hpp"

namespace orrery::storage {
namespace {

std::int64_t carry_out(int file, const DiskOperation& operation) {
  const auto offset = static_cast<off_t>(operation.offset);
  const int count = static_cast<int>(operation.vectors.size());
  std::int64_t result = -1;
  using Call = DiskOperation::Call;
  switch (operation.call) {
    case Call::kRead: result = ::preadv(file, operation.vectors.data(), count, offset); break;
    case Call::kWrite: result = ::pwritev(file, operation.vectors.data(), count, offset); break;
    case Call::kDataSync: result = ::fdatasync(file); break;
    case Call::kFallocate:
      result = ::fallocate(file, operation.mode, offset, static_cast<off_t>(operation.length));
      break;
  }
  return result < 0 ? -errno : result;
}

class ThreadExecutor final : public DiskExecutor {
 public:
  ThreadExecutor(EventLoop& loop, int file) : loop_(loop), file_(file) {
    thread_ = std::thread([this] { work(); });
  }

  ~ThreadExecutor() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void start(DiskOperation& operation) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(&operation);
    }
    changed_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      DiskOperation* const operation = queue_.front();
      queue_.pop_front();
      lock.unlock();
      const std::int64_t result = carry_out(file_, *operation);
      loop_.post([operation, result, alive = std::weak_ptr(alive_)] {
        if (alive.lock()) operation->done(result);
      });
      lock.lock();
    }
  }

  EventLoop& loop_;
  const int file_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<DiskOperation*> queue_;  // guarded by mutex_
  bool stopping_ = false;             // guarded by mutex_
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace

std::unique_ptr<DiskExecutor> create_thread_executor(EventLoop& loop, int file) {
  return std::make_unique<ThreadExecutor>(loop, file);
}

}  // namespace orrery::storage
