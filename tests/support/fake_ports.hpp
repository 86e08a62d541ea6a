// Doubles of the ports that do not stand in fake_host.hpp: a disk whose requests wait until the
// test completes them, a network that is two lists, and entropy that counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "port/blocks.hpp"
#include "port/entropy.hpp"
#include "port/frames.hpp"

namespace orrery::testing {

class FakeBlocks : public port::Blocks {
 public:
  explicit FakeBlocks(std::size_t size) : disk(size) {
    shape.size = Bytes(size);
    shape.can_discard = shape.can_write_zeroes = true;
    shape.serial = "orrery-disk";
  }

  port::BlockGeometry shape;
  std::vector<std::byte> disk;
  std::deque<std::pair<port::BlockRequest, Completion>> waiting;
  std::vector<port::BlockRequest::Kind> seen;
  bool failing = false;
  bool cached = false;  // reads can be done at once
  std::vector<std::uint64_t> read_at_once_lengths;

  // Completes the oldest request; call without the device's lock.
  void complete_one() {
    auto [request, completion] = std::move(waiting.front());
    waiting.pop_front();
    completion(perform(request));
  }
  // Until none is left, those that completions submit included. Returns how many.
  std::size_t complete_all() {
    std::size_t count = 0;
    for (; !waiting.empty(); ++count) complete_one();
    return count;
  }

  const port::BlockGeometry& geometry() const override { return shape; }
  bool read_at_once(const port::BlockRequest& request) override {
    if (!cached || !perform(request)) return false;
    read_at_once_lengths.push_back(request.length);
    return true;
  }
  void submit(port::BlockRequest request, Completion completion) override {
    if (seen.size() < 1000) seen.push_back(request.kind);
    waiting.emplace_back(std::move(request), std::move(completion));
  }
  void map(std::uint64_t /*offset*/, std::uint64_t length, MapCompletion completion) override {
    completion(port::BlockExtent{.length = length, .allocated = true, .host_offset = {}});
  }
  void resize(Bytes /*size*/, Completion completion) override {
    completion(fail("the test's disk has one size"));
  }

 private:
  Result<> perform(const port::BlockRequest& request) {
    using Kind = port::BlockRequest::Kind;
    if (failing) return fail("the test says so");
    if (request.kind == Kind::kFlush) return {};
    if (request.offset > disk.size() || request.length > disk.size() - request.offset) {
      return fail("outside the disk");
    }
    std::byte* at = disk.data() + request.offset;
    if (request.kind == Kind::kDiscard || request.kind == Kind::kWriteZeroes) {
      std::memset(at, 0, request.length);
    }
    for (const MutableByteSpan& buffer : request.buffers) {
      if (request.kind == Kind::kRead) std::memcpy(buffer.data(), at, buffer.size());
      if (request.kind == Kind::kWrite) std::memcpy(at, buffer.data(), buffer.size());
      at += buffer.size();
    }
    return {};
  }
};

class FakeFrames : public port::Frames {
 public:
  struct Sent {
    std::vector<std::byte> bytes;
    port::FrameOffload offload;
  };

  port::FrameOffloadSupport support;
  port::FrameOffloadSupport accepted;
  std::vector<Sent> sent;
  std::size_t room = SIZE_MAX;  // frames
  unsigned resumed = 0;
  bool up = true;

  // A frame comes in; false: the device has no room.
  bool deliver(ByteSpan bytes, const port::FrameOffload& offload = {}) {
    return receive_({bytes, offload});
  }
  void make_room(std::size_t frames) {
    room = frames;
    writable_();
  }

  port::FrameOffloadSupport offload_support() const override { return support; }
  void set_receive_offload(port::FrameOffloadSupport value) override { accepted = value; }
  bool send(const port::Frame& frame) override {
    if (room == 0) return false;
    if (room != SIZE_MAX) --room;
    if (sent.size() >= 1000) sent.clear();
    sent.push_back({{frame.bytes.begin(), frame.bytes.end()}, frame.offload});
    return true;
  }
  void set_callbacks(std::function<bool(const port::Frame&)> receive,
                     port::Notify writable) override {
    receive_ = std::move(receive);
    writable_ = std::move(writable);
  }
  void resume() override { ++resumed; }
  bool link_up() const override { return up; }

 private:
  std::function<bool(const port::Frame&)> receive_;
  port::Notify writable_;
};

// 1, 2, 3, ...
class FakeEntropy : public port::Entropy {
 public:
  void fill(MutableByteSpan destination) override {
    for (std::byte& byte : destination) byte = static_cast<std::byte>(++last_);
  }

 private:
  unsigned char last_ = 0;
};

}  // namespace orrery::testing
