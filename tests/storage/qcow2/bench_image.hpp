// A qcow2 image in a file in memory, and a plain picture of what its disk has to read as. Every
// sector carries one number, so that a sector says which write it is from.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "storage/memory_file.hpp"
#include "storage/qcow2/check.hpp"
#include "storage/qcow2/create.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/request/run_task.hpp"
#include "storage/stamps.hpp"
#include "support/fake_ports.hpp"

namespace orrery::testing {

struct ImageShape {
  std::uint64_t sectors = 4096;
  std::uint32_t version = 3;
  std::uint32_t cluster_bits = 12;
  std::uint32_t refcount_order = 4;
  std::uint64_t backing_sectors = 0;
};

class BenchImage {
 public:
  explicit BenchImage(const ImageShape& shape, unsigned seed = 1) : shape_(shape), seed_(seed) {
    storage::qcow2::Header header;
    header.version = shape.version;
    header.size = shape.sectors * kSector;
    header.cluster_bits = shape.cluster_bits;
    header.refcount_order = shape.refcount_order;
    auto bytes = storage::qcow2::make_empty(header);
    EXPECT_TRUE(bytes) << bytes.error().message();
    file->start_from(std::move(*bytes));
    for (std::uint64_t i = 0; i < shape.backing_sectors; ++i)
      backing_stamps_.push_back(i | 1ull << 40);
    expected.assign(shape.sectors, 0);
    for (std::size_t i = 0; i < std::min(expected.size(), backing_stamps_.size()); ++i) {
      expected[i] = backing_stamps_[i];
    }
  }

  std::shared_ptr<MemoryFile> file = std::make_shared<MemoryFile>();
  std::vector<Stamp> expected;  // by sector, once everything that was submitted is done
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::unique_ptr<storage::qcow2::Disk> disk;

  Result<> open(storage::qcow2::Access access = storage::qcow2::Access::kWrite) {
    disk.reset();
    auto executor = std::make_unique<MemoryExecutor>(*loop, file, ++seed_);
    auto opened =
        storage::qcow2::Disk::open(*loop,
                                   std::make_unique<storage::ImageFile>(
                                       std::move(executor), "test.qcow2", file->content.size()),
                                   {.access = access, .serial = {}, .snapshot = {}});
    if (!opened) return fail(opened.error());
    disk = std::move(*opened);
    if (shape_.backing_sectors != 0) {
      disk->set_backing(std::make_unique<BackingDisk>(*loop, stamped(backing_stamps_)));
    }
    return {};
  }

  // Starts a request; `done` is called on the loop.
  void submit(port::BlockRequest::Kind kind, std::uint64_t sector, std::uint64_t count,
              std::function<void(Result<>)> done, bool may_unmap = false) {
    using Kind = port::BlockRequest::Kind;
    auto bytes = std::make_shared<std::vector<std::byte>>();
    if (kind == Kind::kWrite) {
      std::vector<Stamp> stamps;
      for (std::uint64_t i = 0; i < count; ++i) {
        expected[sector + i] = ++last_stamp_;
        stamps.push_back(last_stamp_);
      }
      *bytes = stamped(stamps);
    }
    if (kind == Kind::kWriteZeroes) {
      std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(sector), count, Stamp{0});
    }
    if (kind == Kind::kDiscard) expect_discarded(sector, count);
    port::BlockRequest request{.kind = kind,
                               .offset = sector * kSector,
                               .length = count * kSector,
                               .may_unmap = may_unmap,
                               .buffers = {}};
    if (kind == Kind::kWrite) request.buffers.push_back(*bytes);
    ++waiting_;
    disk->submit(std::move(request), [this, bytes, done = std::move(done)](Result<> result) {
      --waiting_;
      if (done) done(std::move(result));
      if (waiting_ == 0) loop->stop();
    });
  }
  void settle() {
    while (waiting_ != 0) loop->run();
  }
  Result<> perform(port::BlockRequest::Kind kind, std::uint64_t sector = 0,
                   std::uint64_t count = 0) {
    Result<> answer;
    submit(kind, sector, count, [&](Result<> result) { answer = std::move(result); });
    settle();
    return answer;
  }

  // Sector by sector; one that is not all one number is that number's complement.
  std::vector<Stamp> read(std::uint64_t sector, std::uint64_t count) {
    std::vector<std::byte> bytes(count * kSector, std::byte{0xEE});
    Result<> answer;
    ++waiting_;
    disk->submit({.kind = port::BlockRequest::Kind::kRead,
                  .offset = sector * kSector,
                  .length = bytes.size(),
                  .may_unmap = false,
                  .buffers = {bytes}},
                 [&](Result<> result) {
                   answer = std::move(result);
                   if (--waiting_ == 0) loop->stop();
                 });
    settle();
    EXPECT_TRUE(answer) << answer.error().message();
    return stamps_of(bytes);
  }
  void expect_content() {
    const std::vector<Stamp> found = read(0, shape_.sectors);
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i], expected[i]) << "sector " << i;
    }
  }
  storage::CheckReport check() {
    auto report = storage::run_task(*loop, storage::qcow2::check(disk->image()));
    EXPECT_TRUE(report) << report.error().message();
    return report ? *report : storage::CheckReport{.errors = 1, .messages = {"unreadable"}};
  }
  std::uint64_t cluster_sectors() const { return (1ull << shape_.cluster_bits) / kSector; }

 private:
  void expect_discarded(std::uint64_t sector, std::uint64_t count) {
    if (shape_.version < 3 && shape_.backing_sectors != 0) return;
    const std::uint64_t cluster = cluster_sectors();
    const std::uint64_t first = (sector + cluster - 1) / cluster * cluster;
    const std::uint64_t end = sector + count;
    const std::uint64_t last = end == shape_.sectors ? end : end / cluster * cluster;
    for (std::uint64_t i = first; i < last; ++i) expected[i] = 0;
  }

  const ImageShape shape_;
  unsigned seed_;
  std::vector<Stamp> backing_stamps_;
  Stamp last_stamp_ = 0;
  unsigned waiting_ = 0;
};

}  // namespace orrery::testing
