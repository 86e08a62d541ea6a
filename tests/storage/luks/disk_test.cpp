// The encrypted port: what is written reads back, nothing of it stands in the file, zeroes are
// zeroes.
#include "storage/luks/disk.hpp"

#include <algorithm>
#include <random>

#include "storage/luks/fixture.hpp"
#include "storage/request/submitted.hpp"

namespace orrery::storage::luks {
namespace {

using port::BlockRequest;
using Kind = BlockRequest::Kind;

Task<Result<>> submitted(port::Blocks& disk, BlockRequest request) {
  co_return co_await Submitted(disk, std::move(request));
}
Task<Result<port::BlockExtent>> mapped(port::Blocks& disk, std::uint64_t offset,
                                       std::uint64_t length) {
  co_return co_await Mapped(disk, offset, length);
}

class EncryptedDiskTest : public VolumeTest {
 protected:
  std::unique_ptr<Disk> open_encrypted() {
    auto opened = Disk::open(*loop_, disk(), "memory", text_bytes("key"));
    EXPECT_TRUE(opened) << opened.error().message();
    return opened ? std::move(*opened) : nullptr;
  }
  Result<> perform(port::Blocks& disk, BlockRequest request) {
    return run_task(*loop_, submitted(disk, std::move(request)));
  }
  std::vector<std::byte> read(port::Blocks& disk, std::uint64_t offset, std::size_t length) {
    std::vector<std::byte> bytes(length);
    EXPECT_TRUE(run_task(*loop_, read_all(disk, offset, bytes)));
    return bytes;
  }
  bool file_has(ByteSpan bytes) const {
    const auto& content = file_->content;
    return std::search(content.begin(), content.end(), bytes.begin(), bytes.end()) != content.end();
  }
};

class EncryptedSectorsTest : public EncryptedDiskTest,
                             public ::testing::WithParamInterface<std::uint32_t> {};

// Requests of all kinds and shapes against plain memory; then the same from the file again.
TEST_P(EncryptedSectorsTest, DoesAsMemoryDoes) {
  ASSERT_TRUE(create("key", GetParam()));
  auto disk = open_encrypted();
  ASSERT_NE(disk, nullptr);
  EXPECT_EQ(disk->geometry().size, Bytes(1_MiB));
  std::vector<std::byte> model(1_MiB);
  BlockRequest zeroes;
  zeroes.kind = Kind::kWriteZeroes;
  zeroes.length = model.size();
  zeroes.may_unmap = true;
  ASSERT_TRUE(perform(*disk, zeroes));
  ASSERT_TRUE(read(*disk, 0, model.size()) == model);
  std::mt19937 random(GetParam());
  for (unsigned i = 0; i < 400; ++i) {
    const std::size_t first = random() % 2048;
    const std::size_t most =
        random() % 4 == 0 ? 2048 - first : std::min<std::size_t>(2048 - first, 24);
    const std::size_t offset = first * 512;
    const std::size_t length = (1 + random() % most) * 512;
    BlockRequest request;
    request.offset = offset;
    request.length = length;
    std::vector<std::byte> bytes(length, static_cast<std::byte>(random()));
    const std::size_t step = random() % 2 == 0 ? 4096 : 1 + random() % 3000;
    for (std::size_t at = 0; at < length; at += step) {
      request.buffers.push_back(MutableByteSpan(bytes).subspan(at, std::min(step, length - at)));
    }
    const auto begin = model.begin() + static_cast<std::ptrdiff_t>(offset);
    switch (random() % 4) {
      case 0:
        request.kind = Kind::kWriteZeroes;
        request.buffers.clear();
        request.may_unmap = random() % 2 == 0;
        std::fill_n(begin, length, std::byte{0});
        break;
      case 1:
      case 2:
        request.kind = Kind::kWrite;
        std::ranges::copy(bytes, begin);
        break;
      default: break;
    }
    const bool reads = request.kind == Kind::kRead;
    ASSERT_TRUE(perform(*disk, std::move(request)));
    if (reads) {
      ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), begin)) << i;
    }
  }
  disk = open_encrypted();
  EXPECT_TRUE(read(*disk, 0, model.size()) == model);
}

INSTANTIATE_TEST_SUITE_P(Sectors, EncryptedSectorsTest, ::testing::Values(512, 4096));

TEST_F(EncryptedDiskTest, NothingStandsInTheFile) {
  ASSERT_TRUE(create("key"));
  auto disk = open_encrypted();
  std::vector<std::byte> secret(4096);
  draw_random(secret);
  ASSERT_TRUE(run_task(*loop_, write_all(*disk, 64_KiB, secret)));
  EXPECT_TRUE(read(*disk, 64_KiB, secret.size()) == secret);
  EXPECT_FALSE(file_has(ByteSpan(secret).first(16)));
}

TEST_F(EncryptedDiskTest, OutsideOfItNothingIsRead) {
  ASSERT_TRUE(create("key"));
  auto disk = open_encrypted();
  std::vector<std::byte> bytes(4096);
  EXPECT_FALSE(run_task(*loop_, read_all(*disk, 1_MiB, bytes)));
  EXPECT_FALSE(run_task(*loop_, read_all(*disk, UINT64_MAX - 8191, bytes)));
  BlockRequest request;
  request.offset = UINT64_MAX - 16_MiB + 1;  // the header, if it wrapped
  request.length = bytes.size();
  request.buffers = {bytes};
  EXPECT_FALSE(disk->read_at_once(request));
  EXPECT_FALSE(perform(*disk, request));
}

TEST_F(EncryptedDiskTest, DiscardsArePassedOnOnlyWhereTheHeaderAllowsIt) {
  for (const bool allowed : {false, true}) {
    ASSERT_TRUE(create("key", 4096, allowed));
    auto disk = open_encrypted();
    EXPECT_EQ(disk->geometry().can_discard, allowed);
    std::vector<std::byte> bytes(64_KiB, std::byte{7});
    ASSERT_TRUE(run_task(*loop_, write_all(*disk, 0, bytes)));
    BlockRequest request;
    request.kind = Kind::kDiscard;
    request.length = bytes.size();
    ASSERT_TRUE(perform(*disk, request));
    EXPECT_EQ(read(*disk, 0, bytes.size()) == bytes, !allowed);
    EXPECT_EQ(
        file_->content[kDataAt] == std::byte{0} && file_->content[kDataAt + 1] == std::byte{0},
        allowed);
  }
}

TEST_F(EncryptedDiskTest, NothingIsSaidToBeZeroes) {
  ASSERT_TRUE(create("key"));
  auto disk = open_encrypted();
  EXPECT_FALSE(disk->geometry().zeroes_without_writing);
  const auto extent = run_task(*loop_, mapped(*disk, 4096, 8192));
  ASSERT_TRUE(extent);
  EXPECT_TRUE(extent->allocated);
  EXPECT_FALSE(extent->zeroes);
  EXPECT_FALSE(extent->host_offset);
  EXPECT_LE(extent->length, 8192u);
}

TEST_F(EncryptedDiskTest, WhatItGrowsByReadsAsZeroes) {
  ASSERT_TRUE(create("key"));
  auto disk = open_encrypted();
  EXPECT_TRUE(run_task(*loop_, resize_to(*disk, Bytes(2_MiB))));
  EXPECT_EQ(disk->geometry().size, Bytes(2_MiB));
  EXPECT_TRUE(read(*disk, 1_MiB, 1_MiB) == std::vector<std::byte>(1_MiB));
  const auto odd = run_task(*loop_, resize_to(*disk, Bytes(2_MiB + 512)));
  ASSERT_FALSE(odd);
  EXPECT_NE(odd.error().message().find("whole encrypted sectors"), std::string::npos);
}

// Ends while threads still encrypt and writes are under way: nobody completes, nothing is touched.
TEST_F(EncryptedDiskTest, EndsWithRequestsInFlight) {
  ASSERT_TRUE(create("key"));
  for (unsigned turns = 0; turns < 12; ++turns) {
    auto disk = open_encrypted();
    std::vector<std::vector<std::byte>> buffers(8, std::vector<std::byte>(512_KiB));
    bool completed_late = false;
    bool ended = false;
    for (auto& buffer : buffers) {
      BlockRequest request;
      request.kind = &buffer == &buffers[0] ? Kind::kRead : Kind::kWrite;
      request.length = buffer.size();
      request.buffers = {buffer};
      disk->submit(std::move(request), [&](const Result<>&) { completed_late |= ended; });
    }
    for (unsigned turn = 0; turn < turns; ++turn) loop_->poll();
    ended = true;
    disk.reset();
    loop_->poll();
    EXPECT_FALSE(completed_late);
  }
}

}  // namespace
}  // namespace orrery::storage::luks
