// Waiting for a block request in a task: `co_await Submitted(disk, request)`. Private to storage/.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "port/blocks.hpp"

namespace orrery::storage {

class Submitted {
 public:
  Submitted(port::Blocks& disk, port::BlockRequest request)
      : disk_(disk), request_(std::move(request)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    disk_.submit(std::move(request_), [this, handle](Result<> result) {
      result_ = std::move(result);
      handle.resume();
    });
  }
  Result<> await_resume() { return std::move(result_); }

 private:
  port::Blocks& disk_;
  port::BlockRequest request_;
  Result<> result_;
};

}  // namespace orrery::storage
