// A VHDX in a file in memory, and a plain picture of what its disk has to read as.
#pragma once

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "storage/memory_file.hpp"
#include "storage/request/run_task.hpp"
#include "storage/stamps.hpp"
#include "storage/vhdx/check.hpp"
#include "storage/vhdx/create.hpp"
#include "storage/vhdx/disk.hpp"
#include "support/fake_ports.hpp"

namespace orrery::testing {

struct VhdxShape {
  std::uint64_t sectors = 16384;  // of 512 bytes
  bool fixed = false;
  std::uint32_t block_size = 1u << 20;
  std::uint32_t sector_size = 512;
  std::uint64_t parent_sectors = 0;  // differencing
};

class BenchVhdx {
 public:
  explicit BenchVhdx(const VhdxShape& shape, unsigned seed = 1) : shape_(shape), seed_(seed) {
    storage::vhdx::Metadata metadata;
    metadata.disk_size = shape.sectors * kSector;
    metadata.block_size = shape.block_size;
    metadata.leave_allocated = shape.fixed;
    metadata.logical_sector = shape.sector_size;
    if (shape.parent_sectors != 0) {
      metadata.parent.emplace();
      metadata.parent->linkage = storage::vhdx::draw_guid();
      metadata.parent->relative_path = ".\\parent.vhdx";
    }
    auto made = storage::vhdx::make_empty(metadata);
    EXPECT_TRUE(made) << made.error().message();
    made->bytes.resize(made->length);
    file->start_from(std::move(made->bytes));
    for (std::uint64_t i = 0; i < shape.parent_sectors; ++i)
      parent_stamps_.push_back(i | 1ull << 40);
    expected.assign(shape.sectors, 0);
    std::copy_n(parent_stamps_.begin(), std::min(expected.size(), parent_stamps_.size()),
                expected.begin());
  }

  std::shared_ptr<MemoryFile> file = std::make_shared<MemoryFile>();
  std::vector<Stamp> expected;  // by sector, once everything that was submitted is done
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::unique_ptr<storage::vhdx::Disk> disk;

  Result<> open(storage::vhdx::Access access = storage::vhdx::Access::kWrite) {
    disk.reset();
    auto executor = std::make_unique<MemoryExecutor>(*loop, file, ++seed_);
    auto opened =
        storage::vhdx::Disk::open(*loop,
                                  std::make_unique<storage::ImageFile>(
                                      std::move(executor), "test.vhdx", file->content.size()),
                                  {.access = access, .serial = {}});
    if (!opened) return fail(opened.error());
    disk = std::move(*opened);
    if (shape_.parent_sectors != 0) {
      disk->set_parent(std::make_unique<BackingDisk>(*loop, stamped(parent_stamps_)));
    }
    return {};
  }

  // In units of the disk's own sectors; `done` is called on the loop.
  void submit(port::BlockRequest::Kind kind, std::uint64_t sector, std::uint64_t count,
              std::function<void(Result<>)> done, bool may_unmap = false) {
    using Kind = port::BlockRequest::Kind;
    sector *= unit();
    count *= unit();
    auto bytes = std::make_shared<std::vector<std::byte>>();
    if (kind == Kind::kWrite) {
      for (std::uint64_t i = 0; i < count; ++i) expected[sector + i] = ++last_stamp_;
      *bytes = stamped({expected.begin() + static_cast<std::ptrdiff_t>(sector),
                        expected.begin() + static_cast<std::ptrdiff_t>(sector + count)});
    }
    if (kind == Kind::kWriteZeroes) expect_zeroes(sector, sector + count);
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
  Result<> resize(std::uint64_t size) {
    std::optional<Result<>> answer;
    disk->resize(Bytes(size), [&](Result<> result) {
      answer = std::move(result);
      loop->stop();
    });
    while (!answer) loop->run();
    // Of a huge one the picture keeps the start.
    if (*answer && size < 1_GiB) expected.resize(size / kSector, 0);
    return *answer;
  }

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
    const std::vector<Stamp> found = read(0, expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i], expected[i]) << "sector " << i;
    }
  }
  void expect_whole() {
    const storage::CheckReport report = storage::vhdx::check(disk->image());
    ASSERT_EQ(report.errors, 0u) << report.messages.front();
  }
  std::uint64_t unit() const { return shape_.sector_size / kSector; }

 private:
  void expect_zeroes(std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t i = first; i < end; ++i) expected[i] = 0;
  }
  void expect_discarded(std::uint64_t sector, std::uint64_t count) {
    const std::uint64_t end = sector + count;
    const std::uint64_t block = shape_.block_size / kSector;
    for (std::uint64_t at = sector; at < end;) {
      const std::uint64_t stop = std::min((at / block + 1) * block, end);
      const bool whole = at % block == 0 && (stop % block == 0 || stop == expected.size());
      if (whole) expect_zeroes(at, stop);
      // Of others whole pages, where no parent would show through.
      if (!whole && shape_.parent_sectors == 0) expect_zeroes((at + 7) / 8 * 8, stop / 8 * 8);
      at = stop;
    }
  }

  const VhdxShape shape_;
  unsigned seed_;
  std::vector<Stamp> parent_stamps_;
  Stamp last_stamp_ = 0;
  unsigned waiting_ = 0;
};

}  // namespace orrery::testing
