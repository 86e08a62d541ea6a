// Threads for what takes the processor: hashing, compressing, decoding.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace orrery {

// Any thread. The destructor carries out what was asked for, and ends.
class WorkerPool {
 public:
  explicit WorkerPool(unsigned threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  unsigned size() const { return static_cast<unsigned>(threads_.size()); }
  void post(std::function<void()> work);

  template <typename Work>
  auto run(Work work) -> std::future<std::invoke_result_t<Work>> {
    using T = std::invoke_result_t<Work>;
    auto task = std::make_shared<std::packaged_task<T()>>(std::move(work));
    auto future = task->get_future();
    post([task] { (*task)(); });
    return future;
  }

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool ending_ = false;                      // guarded by mutex_
  std::vector<std::thread> threads_;
};

// One for each processor of the host that this process may use.
unsigned processors();

}  // namespace orrery
