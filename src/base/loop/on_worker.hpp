// `co_await OnWorker(loop, workers, work)`: WORK's result, found on another thread, for what takes
// the processor or waits for a disk. What awaits it lives until then.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/loop/event_loop.hpp"
#include "base/loop/worker_pool.hpp"

namespace orrery {

template <typename Work>
class OnWorker {
 public:
  OnWorker(EventLoop& loop, WorkerPool& workers, Work work)
      : loop_(loop), workers_(workers), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    workers_.post([this, handle] {
      result_.emplace(work_());
      loop_.post([handle] { handle.resume(); });
    });
  }
  auto await_resume() { return std::move(*result_); }

 private:
  EventLoop& loop_;
  WorkerPool& workers_;
  Work work_;
  std::optional<std::invoke_result_t<Work>> result_;
};

}  // namespace orrery
