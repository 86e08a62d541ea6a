// A block port whose requests are tasks: takes them from any thread to the loop, checks them, and
// keeps each until it is done. Private to storage/.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"

namespace orrery::storage {

class TaskDisk : public port::Blocks {
 public:
  TaskDisk(EventLoop& loop, std::string path) : loop_(loop), path_(std::move(path)) {}

  const port::BlockGeometry& geometry() const override { return geometry_; }
  void submit(port::BlockRequest request, Completion completion) override;
  void map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) override;
  void resize(Bytes size, Completion completion) override;

 protected:
  // On the loop, and checked. The request stays where it is until the task is done.
  virtual Task<Result<>> serve(const port::BlockRequest& request) = 0;
  virtual Task<Result<port::BlockExtent>> find_extent(std::uint64_t offset,
                                                      std::uint64_t length) = 0;
  // Has the new size in geometry_ when it is done.
  virtual Task<Result<>> change_size(Bytes size) = 0;
  // For the destructor of what serves: nobody completes any more. What would resume the tasks has
  // to be gone already.
  void drop_jobs() { jobs_.clear(); }

  port::BlockGeometry geometry_;

 private:
  struct Submission {
    port::BlockRequest request;
    Completion completion;
  };
  template <typename T>
  struct Job {
    std::function<void(Result<T>)> completion;
    port::BlockRequest request;
    Task<Result<T>> task;
  };

  void take_submitted();
  template <typename T>
  void start(std::shared_ptr<Job<T>> job);
  void run_on_loop(std::function<void()> work);

  EventLoop& loop_;
  const std::string path_;
  std::mutex mutex_;
  std::vector<Submission> submitted_;  // guarded by mutex_
  // The loop's own, by address.
  std::unordered_map<void*, std::shared_ptr<void>> jobs_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::storage
