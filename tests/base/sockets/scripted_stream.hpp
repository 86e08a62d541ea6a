// A client made of bytes: what it sends stands in a list, what it gets is kept.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/sockets/stream.hpp"

namespace orrery::testing {

class ScriptedStream final : public Stream {
 public:
  std::vector<std::byte> received;      // by the client
  std::size_t most_at_once = SIZE_MAX;  // bytes, each way
  bool reads = true;                    // the client takes what it is sent
  bool closed = false;
  bool lingered = false;

  void give(ByteSpan bytes) {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    wake(receiver_);
  }
  // After what it gave already.
  void leave() {
    left_ = true;
    wake(receiver_);
  }
  void take_all() {
    reads = true;
    wake(sender_);
  }

  Task<std::size_t> receive(MutableByteSpan to) override {
    while (begin_ == pending_.size() && !left_ && !stopped_) co_await Waits{receiver_};
    if (stopped_) co_return 0;
    const std::size_t count =
        std::min({to.size(), pending_.size() - begin_, std::max<std::size_t>(most_at_once, 1)});
    std::copy_n(pending_.begin() + static_cast<std::ptrdiff_t>(begin_), count, to.begin());
    begin_ += count;
    co_return count;
  }
  Task<std::size_t> send(std::span<const iovec> from) override {
    while (!reads && !closed) co_await Waits{sender_};
    if (closed) co_return 0;
    std::size_t count = 0;
    for (const iovec& each : from) {
      const std::size_t part =
          std::min(each.iov_len, std::max<std::size_t>(most_at_once, 1) - count);
      const auto* const bytes = static_cast<const std::byte*>(each.iov_base);
      received.insert(received.end(), bytes, bytes + part);
      count += part;
    }
    co_return count;
  }
  void stop_receiving() override {
    stopped_ = true;
    wake(receiver_);
  }
  Task<Result<>> linger() override {
    lingered = true;
    co_return Result<>{};
  }
  void close() override {
    closed = true;
    stop_receiving();
    wake(sender_);
  }

 private:
  struct Waits {
    std::coroutine_handle<>& waiting;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) { waiting = handle; }
    void await_resume() const noexcept {}
  };
  static void wake(std::coroutine_handle<>& waiting) {
    if (waiting) std::exchange(waiting, nullptr).resume();
  }

  std::vector<std::byte> pending_;
  std::size_t begin_ = 0;
  bool left_ = false;
  bool stopped_ = false;
  std::coroutine_handle<> receiver_;
  std::coroutine_handle<> sender_;
};

}  // namespace orrery::testing
