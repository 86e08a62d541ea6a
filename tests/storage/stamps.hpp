// Disks whose every sector carries one number, so that a sector says which write it is from; and a
// plain disk to lie below an image.
#pragma once

#include <cstring>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"

namespace orrery::testing {

inline constexpr std::uint64_t kSector = 512;
using Stamp = std::uint64_t;  // 0: zeroes

inline std::vector<std::byte> stamped(const std::vector<Stamp>& stamps) {
  std::vector<std::byte> bytes(stamps.size() * kSector);
  for (std::size_t i = 0; i < bytes.size() / 8; ++i) {
    store_le(&bytes[i * 8], stamps[i / (kSector / 8)]);
  }
  return bytes;
}

// A disk that is read only and answers on the loop: what lies below an image.
class BackingDisk final : public port::Blocks {
 public:
  BackingDisk(EventLoop& loop, std::vector<std::byte> content)
      : loop_(loop), content_(std::move(content)) {
    geometry_.size = Bytes(content_.size());
    geometry_.read_only = true;
  }
  const port::BlockGeometry& geometry() const override { return geometry_; }
  void submit(port::BlockRequest request, Completion completion) override {
    loop_.post([this, request = std::move(request), completion = std::move(completion)] {
      EXPECT_LE(request.offset + request.length, content_.size());
      std::uint64_t at = request.offset;
      for (const MutableByteSpan buffer : request.buffers) {
        std::memcpy(buffer.data(), &content_[at], buffer.size());
        at += buffer.size();
      }
      completion({});
    });
  }
  void map(std::uint64_t /*offset*/, std::uint64_t length, MapCompletion completion) override {
    completion(port::BlockExtent{.length = length, .allocated = true, .host_offset = {}});
  }
  void resize(Bytes /*size*/, Completion completion) override { completion(fail("no")); }

 private:
  EventLoop& loop_;
  std::vector<std::byte> content_;
  port::BlockGeometry geometry_;
};

// Sector by sector; one that is not all one number is that number's complement.
inline std::vector<Stamp> stamps_of(ByteSpan bytes) {
  std::vector<Stamp> stamps;
  for (std::size_t at = 0; at < bytes.size(); at += kSector) {
    const auto stamp = load_le<Stamp>(&bytes[at]);
    bool whole = true;
    for (std::size_t i = 8; i < kSector; i += 8) whole &= load_le<Stamp>(&bytes[at + i]) == stamp;
    stamps.push_back(whole ? stamp : ~stamp);
  }
  return stamps;
}

// What a sector may read as after a power cut: as it was flushed, or any write since.
class Allowed {
 public:
  explicit Allowed(const std::vector<Stamp>& now) {
    for (const Stamp stamp : now) sectors_.push_back({stamp});
  }
  void add(const std::vector<Stamp>& now) {
    for (std::size_t i = 0; i < now.size(); ++i) sectors_[i].insert(now[i]);
  }
  void expect(const std::vector<Stamp>& found) const {
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_TRUE(sectors_[i].contains(found[i])) << "sector " << i << " reads as " << found[i];
    }
  }

 private:
  std::vector<std::set<Stamp>> sectors_;
};

}  // namespace orrery::testing
