// Tasks that run by themselves, each kept until it is done. Private to storage/nbd/; on the loop's
// thread.
#pragma once

#include <cstddef>
#include <list>
#include <utility>

#include "base/error.hpp"
#include "base/loop/task.hpp"

namespace orrery::storage::nbd {

class TaskSet {
 public:
  std::size_t size() const { return running_.size(); }
  // Told when one is done.
  Changed& changed() { return changed_; }

  // Runs it up to its first wait.
  void start(Task<Result<>> task) {
    const auto at = running_.insert(running_.end(), Running{.task = std::move(task)});
    at->task.start([this, at] {
      at->done = true;
      if (!at->starting) remove(at);
    });
    at->starting = false;
    if (at->done) remove(at);
  }

 private:
  struct Running {
    Task<Result<>> task;
    bool starting = true;  // a task may not be destroyed in start()
    bool done = false;
  };

  void remove(std::list<Running>::iterator at) {
    running_.erase(at);
    changed_.notify_all();
  }

  std::list<Running> running_;
  Changed changed_;
};

}  // namespace orrery::storage::nbd
