// virtio-blk (virtio 1.2, 5.2).
#include "device/virtio/block/block.hpp"

#include "device/virtio/fixture.hpp"

namespace orrery::testing {
namespace {

using namespace device::virtio;
using Kind = port::BlockRequest::Kind;

constexpr std::uint64_t kDiskSize = 1 << 20;
constexpr std::uint64_t kHeader = kBuffers;
constexpr std::uint64_t kData = kBuffers + 0x1000;
constexpr std::uint64_t kStatusByte = kBuffers + 0x800;
constexpr Features kAllFeatures = block::kFlush | block::kConfigWce | block::kDiscard |
                                  block::kWriteZeroes | block::kSegMax | block::kBlkSize;

class BlockTest : public ::testing::TestWithParam<RingParameters> {
 protected:
  void start(Features features = kAllFeatures) {
    ASSERT_TRUE(machine.driver.start(GetParam().features | features, 16));
  }
  // Adds a request; SLOT keeps the headers and statuses of several apart.
  std::uint16_t add(std::uint32_t type, std::uint64_t sector, const std::vector<Buffer>& data,
                    unsigned slot = 0, unsigned queue = 0) {
    machine.host.store(kHeader + slot * 16, block::RequestHeader{type, 0, sector});
    machine.host.store(kStatusByte + slot, std::uint8_t{0xEE});
    std::vector<Buffer> chain;
    chain.push_back({kHeader + slot * 16, 16});
    for (const Buffer& buffer : data) chain.push_back(buffer);
    chain.push_back({kStatusByte + slot, 1, true});
    return machine.driver.queue(queue).add(chain);
  }
  std::uint8_t status(unsigned slot = 0) {
    return machine.host.load<std::uint8_t>(kStatusByte + slot);
  }
  void finish(unsigned queue = 0) {
    machine.driver.notify(queue);
    port.complete_all();
    machine.host.run_posted();
  }
  // One request from start to end; its status byte, or 0xEE when it did not come back.
  std::uint8_t request(std::uint32_t type, std::uint64_t sector, const std::vector<Buffer>& data) {
    add(type, sector, data);
    finish();
    const auto used = machine.driver.queue(0).take_used();
    written = used ? used->length : 0;
    return used ? status() : 0xEE;
  }
  std::uint8_t range_request(std::uint32_t type, const std::vector<block::Range>& ranges) {
    std::uint64_t at = kData;
    for (const block::Range& range : ranges) {
      machine.host.store(at, range);
      at += sizeof range;
    }
    return request(type, 0, {{kData, static_cast<std::uint32_t>(16 * ranges.size())}});
  }
  static std::uint8_t code(block::Status status) { return static_cast<std::uint8_t>(status); }

  FakeBlocks port{kDiskSize};
  Machine<Block> machine{port, BlockOptions{.queues = 2, .queue_size = 16}};
  std::uint32_t written = 0;
  const std::uint8_t ok = code(block::Status::kOk);
  const std::uint8_t io_error = code(block::Status::kIoError);
  const std::uint8_t unsupported = code(block::Status::kUnsupported);
};
INSTANTIATE_TEST_SUITE_P(Rings, BlockTest, ::testing::ValuesIn(kRings), ring_name);

TEST_P(BlockTest, ConfigurationTellsTheGeometry) {  // 5.2.4
  EXPECT_EQ(machine.driver.read_config<std::uint64_t>(0), kDiskSize / 512);
  EXPECT_EQ(machine.driver.read_config<std::uint32_t>(12), 14u) << "seg_max fits the queue";
  EXPECT_EQ(machine.driver.read_config<std::uint32_t>(20), 512u);
  EXPECT_EQ(machine.driver.read_config<std::uint8_t>(24), 3u) << "8 logical per physical block";
  EXPECT_EQ(machine.driver.read_config<std::uint8_t>(32), 1u);
  EXPECT_EQ(machine.driver.read_config<std::uint16_t>(34), 2u);
}

TEST_P(BlockTest, WritesAndReadsBack) {  // 5.2.6
  start();
  for (unsigned i = 0; i < 1024; ++i) {
    machine.host.store(kData + i, static_cast<std::uint8_t>(i * 7));
  }
  EXPECT_EQ(request(block::kOut, 2, {{kData, 512}, {kData + 512, 512}}), ok);
  EXPECT_EQ(written, 1u);
  EXPECT_EQ(port.disk[1024 + 600], std::byte(600 * 7 & 0xFF));
  EXPECT_EQ(request(block::kIn, 2, {{kData + 0x1000, 100, true}, {kData + 0x2000, 924, true}}), ok);
  EXPECT_EQ(written, 1025u);
  EXPECT_EQ(machine.host.load<std::uint8_t>(kData + 0x1000 + 99), (99 * 7) & 0xFF);
  EXPECT_EQ(machine.host.load<std::uint8_t>(kData + 0x2000), (100 * 7) & 0xFF);
  EXPECT_EQ(machine.host.mapped_spans, 0u);
}

TEST_P(BlockTest, CachedReadsAreDoneWithinTheNotification) {
  start();
  port.cached = true;
  port.disk[1024] = std::byte{0x5A};
  add(block::kIn, 2, {{kData, 512, true}});
  machine.driver.notify_only(0);
  const auto used = machine.driver.queue(0).take_used();
  ASSERT_TRUE(used.has_value()) << "nothing but the notification was needed";
  EXPECT_EQ(used->length, 513u);
  EXPECT_EQ(status(), ok);
  EXPECT_EQ(machine.host.load<std::uint8_t>(kData), 0x5A);
  EXPECT_TRUE(port.seen.empty());
  EXPECT_EQ(machine.host.mapped_spans, 0u);
}

TEST_P(BlockTest, AfterAReadThatWasNotCachedTheNextNotificationOnlyPosts) {
  start();
  EXPECT_EQ(request(block::kIn, 0, {{kData, 512, true}}), ok);
  port.cached = true;
  add(block::kIn, 0, {{kData, 512, true}});
  machine.driver.notify_only(0);
  EXPECT_TRUE(port.read_at_once_lengths.empty());
  machine.host.run_posted();
  EXPECT_EQ(port.read_at_once_lengths.size(), 1u) << "on the I/O loop it is tried again";
  EXPECT_TRUE(machine.driver.queue(0).take_used().has_value());
  add(block::kIn, 0, {{kData, 512, true}});
  machine.driver.notify_only(0);
  EXPECT_TRUE(machine.driver.queue(0).take_used().has_value()) << "and then at once again";
}

TEST_P(BlockTest, ANotificationDoesNotCopyMuch) {
  start();
  port.cached = true;
  for (unsigned slot = 0; slot < 3; ++slot) {
    add(block::kIn, 0, {{kData, 16 << 10, true}}, slot);
  }
  machine.driver.notify_only(0);
  EXPECT_EQ(port.read_at_once_lengths.size(), 2u) << "32 KiB";
  EXPECT_EQ(port.seen, (std::vector{Kind::kRead})) << "the third is submitted";
  port.complete_all();
  machine.host.run_posted();
  unsigned done = 0;
  while (machine.driver.queue(0).take_used()) ++done;
  EXPECT_EQ(done, 3u);
}

TEST_P(BlockTest, RequestsOutsideTheDiskFail) {  // 5.2.6.2
  start();
  EXPECT_EQ(request(block::kIn, kDiskSize / 512, {{kData, 512, true}}), io_error);
  EXPECT_EQ(request(block::kIn, kDiskSize / 512 - 1, {{kData, 1024, true}}), io_error);
  EXPECT_EQ(request(block::kIn, ~0ull, {{kData, 512, true}}), io_error);
  EXPECT_EQ(request(block::kOut, 1ull << 55, {{kData, 512}}), io_error);
  EXPECT_EQ(request(block::kIn, 0, {{kData, 100, true}}), io_error) << "not whole sectors";
  EXPECT_TRUE(port.seen.empty());
}

TEST_P(BlockTest, BuffersOutsideRamFail) {
  start();
  EXPECT_EQ(request(block::kIn, 0, {{kData, 512, true}, {kNoRam, 512, true}}), io_error);
  EXPECT_EQ(machine.host.mapped_spans, 0u);
}

TEST_P(BlockTest, PortErrorsBecomeIoErrors) {
  start();
  port.failing = true;
  EXPECT_EQ(request(block::kIn, 0, {{kData, 512, true}}), io_error);
  EXPECT_EQ(written, 1u);
  EXPECT_EQ(request(block::kFlushRequest, 0, {}), io_error);
}

TEST_P(BlockTest, UnknownRequestsAreUnsupported) {
  start();
  EXPECT_EQ(request(99, 0, {}), unsupported);
  EXPECT_EQ(request(block::kOut, 0, {}), ok) << "no data is no error";
}

TEST_P(BlockTest, GetIdTellsTheSerial) {
  start();
  EXPECT_EQ(request(block::kGetId, 0, {{kData, 20, true}}), ok);
  EXPECT_EQ(written, 21u);
  EXPECT_STREQ(reinterpret_cast<const char*>(machine.host.memory.data() + kData), "orrery-disk");
}

TEST_P(BlockTest, FlushReachesThePort) {
  start();
  EXPECT_EQ(request(block::kFlushRequest, 0, {}), ok);
  EXPECT_EQ(port.seen, (std::vector{Kind::kFlush}));
}

TEST_P(BlockTest, WriteThroughFlushesEachWrite) {  // 5.2.6.2
  start(0);
  EXPECT_EQ(request(block::kOut, 0, {{kData, 512}}), ok);
  EXPECT_EQ(port.seen, (std::vector{Kind::kWrite, Kind::kFlush}));
}

TEST_P(BlockTest, DriverChoosesTheCacheMode) {  // 5.2.5, CONFIG_WCE
  start();
  EXPECT_EQ(request(block::kOut, 0, {{kData, 512}}), ok);
  EXPECT_EQ(port.seen, (std::vector{Kind::kWrite}));
  machine.driver.write_config(32, Width::k8, 0);
  port.seen.clear();
  EXPECT_EQ(request(block::kOut, 0, {{kData, 512}}), ok);
  EXPECT_EQ(port.seen, (std::vector{Kind::kWrite, Kind::kFlush}));
}

TEST_P(BlockTest, DiscardAndWriteZeroesTakeSeveralRanges) {
  start();
  std::ranges::fill(port.disk, std::byte{1});
  EXPECT_EQ(range_request(block::kDiscardRequest, {{2, 1, 0}, {8, 2, 0}}), ok);
  EXPECT_EQ(port.seen, (std::vector{Kind::kDiscard, Kind::kDiscard}));
  EXPECT_EQ(range_request(block::kWriteZeroesRequest, {{20, 1, block::kRangeUnmap}}), ok);
  EXPECT_EQ(port.disk[20 * 512], std::byte{0});
  EXPECT_EQ(port.disk[21 * 512], std::byte{1});
}

TEST_P(BlockTest, BadRangesFail) {
  start();
  EXPECT_EQ(range_request(block::kDiscardRequest, {{2, 1, 0}, {kDiskSize / 512, 1, 0}}), io_error);
  EXPECT_EQ(range_request(block::kDiscardRequest, {{2, 1, 1}}), unsupported);
  EXPECT_EQ(range_request(block::kWriteZeroesRequest, {{2, 1, 2}}), unsupported);
  EXPECT_EQ(range_request(block::kWriteZeroesRequest, {}), io_error);
  EXPECT_TRUE(port.seen.empty());
}

TEST_P(BlockTest, SeveralRequestsAreInFlightAndCompleteTogether) {
  start();
  for (unsigned i = 0; i < 4; ++i) add(block::kIn, i, {{kData + i * 512, 512, true}}, i);
  machine.driver.notify(0);
  EXPECT_EQ(port.waiting.size(), 4u);
  machine.driver.read_isr();
  port.complete_all();
  EXPECT_EQ(machine.host.run_posted(), 1u);
  for (unsigned i = 0; i < 4; ++i) EXPECT_TRUE(machine.driver.queue(0).take_used()) << i;
}

TEST_P(BlockTest, QueuesWorkSideBySide) {
  start(kAllFeatures | block::kMultiQueue);
  add(block::kIn, 0, {{kData, 512, true}}, 0, 0);
  add(block::kIn, 1, {{kData + 512, 512, true}}, 1, 1);
  machine.driver.notify(0);
  finish(1);
  EXPECT_TRUE(machine.driver.queue(0).take_used());
  EXPECT_TRUE(machine.driver.queue(1).take_used());
}

TEST_P(BlockTest, MalformedRequestsNeedAReset) {  // 2.1.2
  const std::vector<std::vector<Buffer>> chains{
      {{kHeader, 8}, {kStatusByte, 1, true}},
      {{kHeader, 16}},
      {{kNoRam, 16}, {kStatusByte, 1, true}},
      {{kHeader, 16}, {kNoRam, 1, true}},
  };
  machine.host.store(kHeader, block::RequestHeader{99, 0, 0});
  for (const auto& chain : chains) {
    start();
    machine.driver.queue(0).add(chain);
    finish();
    EXPECT_TRUE(machine.needs_reset());
    std::fill_n(machine.host.memory.begin() + Driver::kQueues, 0x8000, std::byte{0});
  }
}

TEST_P(BlockTest, ResetWaitsForRequestsInFlight) {  // 2.1.2, 2.4
  start();
  add(block::kIn, 0, {{kData, 512, true}});
  machine.driver.notify(0);
  machine.driver.set_status(0);
  EXPECT_NE(machine.driver.status(), 0) << "a port still writes to the guest's memory";
  port.complete_all();
  EXPECT_EQ(machine.driver.status(), 0);
  machine.host.run_posted();
  EXPECT_FALSE(machine.driver.queue(0).take_used());
  EXPECT_EQ(machine.host.mapped_spans, 0u);
}

TEST_P(BlockTest, RequestsInFlightAreSavedAndStartedAgain) {
  start();
  port.disk[512] = std::byte{0x42};
  add(block::kIn, 1, {{kData, 512, true}});
  machine.driver.notify(0);
  FakeBlocks other(kDiskSize);
  other.disk = port.disk;
  Machine<Block> fresh{other, BlockOptions{.queues = 2, .queue_size = 16}};
  fresh.host.memory = machine.host.memory;
  ASSERT_TRUE(fresh.device.restore(machine.device.save()));
  fresh.host.run_posted();
  EXPECT_EQ(other.complete_all(), 1u);
  fresh.host.run_posted();
  EXPECT_EQ(fresh.host.load<std::uint8_t>(kData), 0x42);
  EXPECT_EQ(fresh.host.load<std::uint8_t>(kStatusByte), ok);
  machine.host.memory = fresh.host.memory;
  EXPECT_TRUE(machine.driver.queue(0).take_used());
}

TEST_P(BlockTest, StateComesBack) {
  start();
  machine.driver.write_config(32, Width::k8, 0);
  EXPECT_EQ(request(block::kFlushRequest, 0, {}), ok);
  Machine<Block> fresh{port, BlockOptions{.queues = 2, .queue_size = 16}};
  fresh.host.memory = machine.host.memory;
  expect_round_trip(machine.device, fresh.device);
}

TEST(BlockReadOnly, RefusesWrites) {  // 5.2.6.2
  FakeBlocks port(kDiskSize);
  port.shape.read_only = true;
  Machine<Block> machine{port, BlockOptions{}};
  EXPECT_NE(machine.driver.offered() & block::kReadOnly, 0u);
  EXPECT_EQ(machine.driver.offered() & (block::kDiscard | block::kWriteZeroes), 0u);
  ASSERT_TRUE(machine.driver.start(block::kReadOnly));
  machine.host.store(kHeader, block::RequestHeader{block::kOut, 0, 0});
  machine.driver.queue(0).add({{kHeader, 16}, {kData, 512}, {kStatusByte, 1, true}});
  machine.driver.notify(0);
  machine.host.run_posted();
  EXPECT_EQ(machine.host.load<std::uint8_t>(kStatusByte), 1);
  EXPECT_TRUE(port.seen.empty());
}

}  // namespace
}  // namespace orrery::testing
