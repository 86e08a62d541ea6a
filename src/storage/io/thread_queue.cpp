// DiskQueue with one thread that makes the system calls one after the other: for hosts that deny
// io_uring (containers, hardened kernels).
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "storage/io/disk_executor.hpp"

namespace orrery::storage {
namespace {

std::int64_t carry_out(const DiskOperation& operation) {
  const int file = operation.file;
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
    case Call::kWriteBack:
      result = ::sync_file_range(file, offset, static_cast<off_t>(operation.length),
                                 SYNC_FILE_RANGE_WRITE);
      break;
  }
  return result < 0 ? -errno : result;
}

class ThreadQueue final : public DiskQueue {
 public:
  explicit ThreadQueue(EventLoop& loop) : loop_(loop) {
    thread_ = std::thread([this] { work(); });
  }

  ~ThreadQueue() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void start(DiskOperation& operation) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(&operation);
    }
    changed_.notify_all();
  }

  void leave(int file) override {
    const auto is_of_file = [&](const DiskOperation* each) { return each->file == file; };
    std::unique_lock lock(mutex_);
    std::erase_if(queue_, is_of_file);
    changed_.wait(lock, [&] { return current_ == nullptr || !is_of_file(current_); });
    std::erase_if(carried_out_, [&](const auto& each) { return is_of_file(each.first); });
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      current_ = queue_.front();
      queue_.pop_front();
      lock.unlock();
      const std::int64_t result = carry_out(*current_);
      lock.lock();
      carried_out_.emplace_back(current_, result);
      current_ = nullptr;
      changed_.notify_all();
      loop_.post([this, alive = std::weak_ptr(alive_)] {
        if (alive.lock()) take_one();
      });
    }
  }

  // Fewer may be left than were posted: some files have gone.
  void take_one() {
    std::unique_lock lock(mutex_);
    if (carried_out_.empty()) return;
    const auto [operation, result] = carried_out_.front();
    carried_out_.pop_front();
    lock.unlock();
    operation->done(result);
  }

  EventLoop& loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<DiskOperation*> queue_;                                 // guarded by mutex_
  DiskOperation* current_ = nullptr;                                 // guarded by mutex_
  std::deque<std::pair<DiskOperation*, std::int64_t>> carried_out_;  // guarded by mutex_
  bool stopping_ = false;                                            // guarded by mutex_
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace

std::shared_ptr<DiskQueue> create_thread_queue(EventLoop& loop) {
  return std::make_shared<ThreadQueue>(loop);
}

}  // namespace orrery::storage
