// Waiting for a disk in a task: `co_await Submitted(disk, request)`, `co_await Mapped(disk, offset,
// length)`. Private to storage/.
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

class Mapped {
 public:
  Mapped(port::Blocks& disk, std::uint64_t offset, std::uint64_t length)
      : disk_(disk), offset_(offset), length_(length) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    disk_.map(offset_, length_, [this, handle](Result<port::BlockExtent> extent) {
      extent_ = std::move(extent);
      handle.resume();
    });
  }
  Result<port::BlockExtent> await_resume() { return std::move(extent_); }

 private:
  port::Blocks& disk_;
  const std::uint64_t offset_;
  const std::uint64_t length_;
  Result<port::BlockExtent> extent_;
};

}  // namespace orrery::storage
