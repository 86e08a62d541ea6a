// A disk in memory that answers on the loop, and counts what it is asked.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"

namespace orrery::testing {

class MemoryDisk final : public port::Blocks {
 public:
  using Kind = port::BlockRequest::Kind;

  MemoryDisk(EventLoop& loop, std::size_t size) : content(size), loop_(loop) {
    shape.size = Bytes(size);
    shape.can_discard = shape.can_write_zeroes = shape.zeroes_without_writing = true;
  }

  port::BlockGeometry shape;
  std::vector<std::byte> content;
  std::map<Kind, std::size_t> asked;
  std::vector<Kind> order;
  bool last_may_unmap = false;
  std::size_t fails_after = SIZE_MAX;  // so many more requests
  bool holding = false;                // requests wait for release()

  void release() {
    holding = false;
    for (auto& each : std::exchange(held_, {})) loop_.post(std::move(each));
  }

  const port::BlockGeometry& geometry() const override { return shape; }
  void submit(port::BlockRequest request, Completion completion) override {
    ++asked[request.kind];
    order.push_back(request.kind);
    std::function<void()> work = [this, request = std::move(request),
                                  completion = std::move(completion)] {
      completion(perform(request));
    };
    holding ? held_.push_back(std::move(work)) : loop_.post(std::move(work));
  }
  void map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) override {
    loop_.post([this, offset, length, completion = std::move(completion)] {
      completion(extent(offset, length));
    });
  }
  void resize(Bytes /*size*/, Completion completion) override {
    loop_.post([completion = std::move(completion)] { completion(fail("has one size")); });
  }

 private:
  static constexpr std::uint64_t kGrain = 4096;

  bool is_zero(std::uint64_t block) const {
    const auto begin = content.begin() + static_cast<std::ptrdiff_t>(block * kGrain);
    const auto end = std::min(begin + kGrain, content.end());
    return std::all_of(begin, end, [](std::byte byte) { return byte == std::byte{0}; });
  }
  port::BlockExtent extent(std::uint64_t offset, std::uint64_t length) const {
    const bool zeroes = is_zero(offset / kGrain);
    std::uint64_t end = (offset / kGrain + 1) * kGrain;
    while (end < offset + length && is_zero(end / kGrain) == zeroes) end += kGrain;
    return {.length = std::min(end - offset, length),
            .allocated = !zeroes,
            .zeroes = zeroes,
            .host_offset = {}};
  }
  Result<> perform(const port::BlockRequest& request) {
    if (fails_after == 0) return fail("the test's disk fails");
    if (fails_after != SIZE_MAX) --fails_after;
    last_may_unmap = request.may_unmap;
    std::byte* at = content.data() + request.offset;
    if (request.kind == Kind::kDiscard || request.kind == Kind::kWriteZeroes) {
      std::memset(at, 0, request.length);
    }
    for (const MutableByteSpan buffer : request.buffers) {
      if (request.kind == Kind::kRead) std::memcpy(buffer.data(), at, buffer.size());
      if (request.kind == Kind::kWrite) std::memcpy(at, buffer.data(), buffer.size());
      at += buffer.size();
    }
    return {};
  }

  EventLoop& loop_;
  std::vector<std::function<void()>> held_;
};

}  // namespace orrery::testing
