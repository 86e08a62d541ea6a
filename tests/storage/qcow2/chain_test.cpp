// Chains of images against plain pictures of their disks, and against the plain walk from link to
// link (storage/qcow2/chain.hpp): random writes, resizes, commits and rebases, with links of all
// sizes and cluster sizes.
#include <filesystem>
#include <random>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "storage/disk_image.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"
#include "storage/request/transfers.hpp"
#include "storage/stamps.hpp"
#include "storage/tools/disk_tools.hpp"
#include "storage/tools/open_alone.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::storage {
namespace {

using Kind = port::BlockRequest::Kind;
using testing::kSector;
using testing::Stamp;
using Picture = std::vector<Stamp>;

Task<Result<>> submitted(port::Blocks& disk, port::BlockRequest request) {
  co_return co_await Submitted(disk, std::move(request));
}

Task<Result<port::BlockExtent>> mapped(port::Blocks& disk, std::uint64_t offset,
                                       std::uint64_t length) {
  co_return co_await Mapped(disk, offset, length);
}

class RandomChain {
 public:
  explicit RandomChain(unsigned seed) : random_(seed) {}

  void run(int steps) {
    push();
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      step();
      expect_content();
    }
  }

 private:
  struct Link {
    std::string path;
    std::uint64_t cluster = 0;  // sectors; 0: raw
    Picture picture;
  };

  std::uint64_t any(std::uint64_t bound) { return random_() % bound; }
  Link& top() { return links_.back(); }

  void step() {
    switch (any(8)) {
      case 0:
      case 1: return push();
      case 2: return resize();
      case 3: return links_.size() > 1 ? commit() : write();
      case 4: return links_.size() > 2 ? rebase() : write();
      default: return write();
    }
  }

  // Sometimes a raw disk at the bottom.
  void push() {
    const bool raw = links_.empty() && any(2) == 0;
    Link link;
    link.path = folder_.path(format("{}.{}", made_++, raw ? "raw" : "qcow2"));
    const std::uint64_t sectors =
        links_.empty() || any(4) == 0 ? 200 + any(2500) : top().picture.size();
    CreateOptions create;
    create.path = link.path;
    create.size = Bytes(sectors * kSector);
    if (raw) {
      create.format = Format::kRaw;
    } else {
      create.cluster_size = 512u << any(8);
      link.cluster = create.cluster_size / kSector;
    }
    if (!links_.empty()) {
      create.backing = top().path;
      link.picture = top().picture;
    }
    link.picture.resize(sectors);
    expect_done(create_disk(*loop_, create));
    links_.push_back(std::move(link));
  }

  void write() {
    DiskOptions options;
    options.path = top().path;
    auto disk = open_disk(*loop_, options);
    ASSERT_TRUE(disk) << disk.error().message();
    const std::uint64_t count = 1 + any(12);
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_NO_FATAL_FAILURE(write_one(**disk));
    expect_done(flush_disk(*loop_, **disk));
    EXPECT_EQ(read(**disk), top().picture);
  }

  void write_one(port::Blocks& disk) {
    Picture& picture = top().picture;
    const std::uint64_t sector = any(picture.size());
    const std::uint64_t count = std::min(1 + any(any(4) == 0 ? 300 : 20), picture.size() - sector);
    const auto begin = picture.begin() + static_cast<std::ptrdiff_t>(sector);
    port::BlockRequest request;
    request.offset = sector * kSector;
    request.length = count * kSector;
    request.may_unmap = any(2) == 0;
    std::vector<std::byte> bytes;
    if (any(5) == 0 && top().cluster != 0) {
      request.kind = Kind::kDiscard;
      discard(sector, count);
    } else if (any(3) == 0) {
      request.kind = Kind::kWriteZeroes;
      std::fill_n(begin, count, Stamp{0});
    } else {
      request.kind = Kind::kWrite;
      for (std::uint64_t i = 0; i < count; ++i) picture[sector + i] = ++last_stamp_;
      bytes = testing::stamped({begin, begin + static_cast<std::ptrdiff_t>(count)});
      request.buffers = {bytes};
    }
    expect_done(run_task(*loop_, submitted(disk, std::move(request))));
  }

  // Whole clusters within read as zeroes afterwards; the disk's last one counts as whole.
  void discard(std::uint64_t sector, std::uint64_t count) {
    Picture& picture = top().picture;
    const std::uint64_t cluster = top().cluster;
    const std::uint64_t end = sector + count;
    const std::uint64_t whole = end == picture.size() ? end : end / cluster * cluster;
    for (std::uint64_t i = (sector + cluster - 1) / cluster * cluster; i < whole; ++i) {
      picture[i] = 0;
    }
  }

  void resize() {
    const std::uint64_t sectors = 200 + any(2500);
    expect_done(
        resize_disk(*loop_, top().path, std::nullopt, Bytes(sectors * kSector), Shrink::kAllow));
    top().picture.resize(sectors);
  }

  // Into the link below, which may then be the top.
  void commit() {
    expect_done(commit_disk(*loop_, top().path, {}));
    Picture& below = links_[links_.size() - 2].picture;
    below.resize(std::max(below.size(), top().picture.size()));
    std::copy(top().picture.begin(), top().picture.end(), below.begin());
    if (any(2) == 0) links_.pop_back();
  }

  // Over a link further down; those between are not part of the chain any more.
  void rebase() {
    const auto kept = static_cast<std::ptrdiff_t>(1 + any(links_.size() - 2));
    RebaseOptions options;
    options.path = top().path;
    options.backing = links_[static_cast<std::size_t>(kept) - 1].path;
    expect_done(rebase_disk(*loop_, options, {}));
    links_.erase(links_.begin() + kept, links_.end() - 1);
  }

  void expect_content() {
    DiskOptions options;
    options.path = top().path;
    options.read_only = true;
    const auto indexed = open_disk(*loop_, options);
    ASSERT_TRUE(indexed) << indexed.error().message();
    ASSERT_EQ(read(**indexed), top().picture);
    ASSERT_EQ(read_in_parts(**indexed), top().picture);
    expect_known_zeroes(**indexed);
    const auto walked = open_by_links(links_.size() - 1);
    ASSERT_NE(walked, nullptr);
    ASSERT_EQ(read(*walked), top().picture);
  }

  // Each link a disk over the disk of the next, without an index.
  std::unique_ptr<port::Blocks> open_by_links(std::size_t link) {
    if (!links_[link].path.ends_with(".qcow2")) {
      DiskOptions options;
      options.path = links_[link].path;
      options.read_only = true;
      auto raw = open_disk(*loop_, options);
      EXPECT_TRUE(raw);
      return raw ? std::move(*raw) : nullptr;
    }
    auto disk = open_alone(*loop_, links_[link].path, qcow2::Access::kRead);
    EXPECT_TRUE(disk);
    if (!disk) return nullptr;
    if (link != 0) (*disk)->set_backing(open_by_links(link - 1));
    return std::move(*disk);
  }

  Picture read(port::Blocks& disk) {
    std::vector<std::byte> bytes(disk.geometry().size.value(), std::byte{0xEE});
    EXPECT_TRUE(run_task(*loop_, storage::read_all(disk, 0, bytes)));
    return testing::stamps_of(bytes);
  }
  Picture read_in_parts(port::Blocks& disk) {
    std::vector<std::byte> bytes(disk.geometry().size.value(), std::byte{0xEE});
    std::vector<Task<Result<>>> reads;
    for (std::uint64_t at = 0; at < bytes.size();) {
      const std::uint64_t length = std::min((1 + any(40)) * kSector, bytes.size() - at);
      reads.push_back(storage::read_all(disk, at, MutableByteSpan(bytes).subspan(at, length)));
      at += length;
    }
    EXPECT_TRUE(run_task(*loop_, all_of(std::move(reads))));
    return testing::stamps_of(bytes);
  }

  void expect_known_zeroes(port::Blocks& disk) {
    const std::uint64_t size = disk.geometry().size.value();
    for (std::uint64_t at = 0; at < size;) {
      const auto extent = run_task(*loop_, mapped(disk, at, size - at));
      ASSERT_TRUE(extent) << extent.error().message();
      ASSERT_GT(extent->length, 0u);
      ASSERT_LE(extent->length, size - at);
      for (std::uint64_t i = 0; extent->zeroes && i < extent->length; i += kSector) {
        ASSERT_EQ(top().picture[(at + i) / kSector], 0u) << "at " << at + i;
      }
      at += extent->length;
    }
  }

  static void expect_done(const Result<>& result) {
    ASSERT_TRUE(result) << result.error().message();
  }

  std::mt19937_64 random_;
  testing::TemporaryFolder folder_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::vector<Link> links_;
  unsigned made_ = 0;
  Stamp last_stamp_ = 0;
};

TEST(Qcow2ChainTest, ReadsAsThePictureAndAsTheWalkDo) {
  for (unsigned seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomChain(seed).run(40);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace orrery::storage
