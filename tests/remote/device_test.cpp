// Device models on a server, from the driver's side in the VMM: the same classes, rings here and
// requests in packets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remote/device_fixture.hpp"
#include "remote/faulty_relay.hpp"

namespace orrery::remote {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kHeader = kBuffers;
constexpr std::uint64_t kStatusByte = kBuffers + 0x800;
constexpr std::uint64_t kData = kBuffers + 0x1000;
class RemoteDeviceTest : public ::testing::TestWithParam<RingParameters> {
 protected:
  void SetUp() override {
    disk.cached = true;
    for (std::size_t n = 0; n < disk.disk.size(); ++n) disk.disk[n] = pattern(n);
    served = std::make_unique<Served>(disk, frames);
  }
  static std::byte pattern(std::size_t n) { return static_cast<std::byte>(n / 512 + n % 251); }

  void start(const std::string& name, Features features = 0, std::uint16_t entries = 16,
             const std::string& port = {}) {
    vm = std::make_unique<Vm>(std::vector{port.empty() ? (*served)->port() : port});
    const Result<> opened = vm->open(name);
    ASSERT_TRUE(opened) << opened.error().message();
    ASSERT_TRUE(vm->driver().start(GetParam().features | features, entries));
  }
  void add(std::uint32_t type, std::uint64_t sector, const Buffer& data) {
    vm->host().store(kHeader, block::RequestHeader{type, 0, sector});
    vm->host().store(kStatusByte, std::uint8_t{0xEE});
    vm->driver().queue(0).add({{kHeader, 16}, data, {kStatusByte, 1, true}});
    vm->driver().notify(0);
  }
  // A write of nearly 1 MiB, which is twice what the VM has for it.
  void add_large_write() {
    constexpr std::uint32_t kHalf = kDiskSize / 2 - 0x1000;
    vm->host().store(kHeader, block::RequestHeader{block::kOut, 0, 0});
    vm->driver().queue(0).add(
        {{kHeader, 16}, {kData, kHalf}, {kData, kHalf}, {kStatusByte, 1, true}});
    vm->driver().notify(0);
  }
  // Completes what the disk has until so many requests have come back; how many did.
  unsigned complete(FakeBlocks& on, unsigned requests) {
    unsigned done = 0;
    vm->turn_until([&] {
      (*served)->call([&] { on.complete_all(); });
      while (vm->driver().queue(0).take_used()) ++done;
      return done >= requests;
    });
    return done;
  }
  // Turns until COUNT requests wait for the disk.
  bool waiting(FakeBlocks& on, std::size_t count) {
    return vm->turn_until([&] {
      std::size_t waiting = 0;
      (*served)->call([&] { waiting = on.waiting.size(); });
      return waiting == count;
    });
  }
  // The status byte of one request.
  std::uint8_t request(std::uint32_t type, std::uint64_t sector, const Buffer& data) {
    add(type, sector, data);
    used = vm->take_used();
    return used ? vm->host().load<std::uint8_t>(kStatusByte) : 0xEE;
  }
  void expect_sector_at(std::uint64_t address, std::uint64_t sector) {
    for (std::size_t n = 0; n < 512; ++n) {
      ASSERT_EQ(vm->host().load<std::byte>(address + n), pattern(sector * 512 + n)) << n;
    }
  }

  FakeBlocks disk{kDiskSize};
  FakeFrames frames;
  std::unique_ptr<Served> served;
  std::unique_ptr<Vm> vm;
  std::optional<Used> used;
};

INSTANTIATE_TEST_SUITE_P(Rings, RemoteDeviceTest, ::testing::ValuesIn(kRings), ring_name);

TEST_P(RemoteDeviceTest, ADiskIsRead) {
  start("disk0");
  EXPECT_EQ(request(block::kIn, 7, {kData, 512, true}), 0);
  EXPECT_EQ(used->length, 513u);
  expect_sector_at(kData, 7);
}

TEST_P(RemoteDeviceTest, ADiskIsWritten) {
  start("disk0");
  for (unsigned n = 0; n < 512; ++n) vm->host().store(kData + n, static_cast<std::uint8_t>(n));
  add(block::kOut, 3, {kData, 512});
  std::atomic<std::size_t> completed = 0;
  ASSERT_TRUE(vm->turn_until([&] {
    (*served)->call([&] { completed += disk.complete_all(); });
    return completed > 0;
  }));
  // A write is made durable before it is answered where the driver does not flush.
  ASSERT_TRUE(vm->turn_until([&] {
    (*served)->call([&] { completed += disk.complete_all(); });
    used = vm->driver().queue(0).take_used();
    return used.has_value();
  }));
  EXPECT_EQ(vm->host().load<std::uint8_t>(kStatusByte), 0);
  EXPECT_EQ(disk.disk[3 * 512 + 9], std::byte{9});
  EXPECT_EQ(used->length, 1u);
}

TEST_P(RemoteDeviceTest, AnErrorOfTheDiskIsTheGuests) {
  start("disk0");
  EXPECT_EQ(request(block::kIn, kDiskSize / 512, {kData, 512, true}), 1);
  EXPECT_EQ(used->length, 1u);
  EXPECT_FALSE(vm->machine().needs_reset());
}

TEST_P(RemoteDeviceTest, RandomNumbersComeInEveryPiece) {
  start("rng");
  vm->driver().queue(0).add({{kBuffers, 3, true}, {kBuffers + 16, 5, true}});
  vm->driver().notify(0);
  ASSERT_EQ(vm->take_used(), (Used{0, 8}));
  EXPECT_EQ(vm->host().load<std::uint8_t>(kBuffers + 2), 3);
  EXPECT_EQ(vm->host().load<std::uint8_t>(kBuffers + 3), 0);
  EXPECT_EQ(vm->host().load<std::uint8_t>(kBuffers + 20), 8);
}

TEST_P(RemoteDeviceTest, FramesGoBothWays) {
  start("net0");
  constexpr std::uint32_t kHeaderBytes = 12;  // struct virtio_net_hdr
  vm->driver().queue(0).add({{kData, 2048, true}});
  vm->driver().notify(0);
  vm->driver().queue(1).add({{kBuffers, kHeaderBytes + 60}});
  vm->driver().notify(1);
  ASSERT_TRUE(vm->take_used(1));
  std::vector<std::byte> frame(64, std::byte{0xab});
  for (unsigned n = 0; n < 6; ++n) frame[n] = std::byte{0xff};  // to everybody
  (*served)->call([&] {
    EXPECT_EQ(frames.sent.size(), 1u);
    EXPECT_EQ(frames.sent.front().bytes.size(), 60u);
    EXPECT_TRUE(frames.deliver(frame));
  });
  const auto received = vm->take_used(0);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->length, kHeaderBytes + 64);
  EXPECT_EQ(vm->host().load<std::uint8_t>(kData + kHeaderBytes + 63), 0xab);
}

TEST_P(RemoteDeviceTest, AResetForgetsRequestsAndTheDeviceWorksAgain) {
  disk.cached = false;  // requests wait with the port
  start("disk0");
  add(block::kIn, 7, {kData, 512, true});
  ASSERT_TRUE(vm->turn_until([&] {
    bool waits = false;
    (*served)->call([&] { waits = !disk.waiting.empty(); });
    return waits;
  }));
  vm->driver().set_status(0);
  EXPECT_EQ(vm->driver().status(), 0);
  std::fill_n(vm->host().memory.begin() + Driver::kQueues, Driver::kQueueArea, std::byte{0});
  ASSERT_TRUE(vm->driver().start(GetParam().features, 16));
  add(block::kIn, 9, {kData, 512, true});
  // The old request ends, and nothing is heard of it.
  ASSERT_TRUE(vm->turn_until([&] {
    (*served)->call([&] { disk.complete_all(); });
    used = vm->driver().queue(0).take_used();
    return used.has_value();
  }));
  expect_sector_at(kData, 9);
}

TEST_P(RemoteDeviceTest, RequestsAreAnsweredByAServerThatStartedAnew) {
  start("disk0");
  EXPECT_EQ(request(block::kIn, 1, {kData, 512, true}), 0);
  const std::string address = "127.0.0.1:" + (*served)->port();
  served.reset();
  add(block::kIn, 11, {kData, 512, true});
  ASSERT_FALSE(vm->driver().queue(0).take_used());
  served = std::make_unique<Served>(disk, frames, address);
  ASSERT_TRUE(vm->take_used());
  expect_sector_at(kData, 11);
  EXPECT_EQ(request(block::kIn, 12, {kData, 512, true}), 0);
  expect_sector_at(kData, 12);
}

TEST_P(RemoteDeviceTest, RequestsAreAnsweredAcrossCuts) {
  FaultyRelay relay((*served)->port(), {.seed = 31, .bytes_to_cut = 30'000});
  vm = std::make_unique<Vm>(std::vector{relay.port()});
  ASSERT_TRUE(vm->open("disk0"));
  ASSERT_TRUE(vm->driver().start(GetParam().features, 16));
  for (std::uint64_t sector = 0; sector < 400; ++sector) {
    ASSERT_EQ(request(block::kIn, sector, {kData, 512, true}), 0);
    expect_sector_at(kData, sector);
  }
  EXPECT_GE(relay.cuts(), 5u);
}

constexpr unsigned kMoreThanCredit = 12;  // large writes; credit is for nine
constexpr unsigned kWithinCredit = 9;

// Eight writes are under way, which leaves credit for one more; the others still wait for the time
// when there was none.
TEST_P(RemoteDeviceTest, WhatWaitedForCreditGoesToAServerThatStartedAnew) {
  disk.cached = false;
  start("disk0", block::kFlush, 64);
  for (unsigned n = 0; n < kMoreThanCredit; ++n) add_large_write();
  ASSERT_TRUE(waiting(disk, kWithinCredit));
  (*served)->call([&] { disk.complete_one(); });
  ASSERT_TRUE(vm->take_used());
  const std::string address = "127.0.0.1:" + (*served)->port();
  served.reset();
  FakeBlocks same(kDiskSize);
  served = std::make_unique<Served>(same, frames, address);
  EXPECT_EQ(complete(same, kMoreThanCredit - 1), kMoreThanCredit - 1);
}

TEST_P(RemoteDeviceTest, CreditThatCameWhileThereWasNoConnectionIsUsed) {
  disk.cached = false;
  FaultyRelay relay((*served)->port(), {});
  start("disk0", block::kFlush, 64, relay.port());
  for (unsigned n = 0; n < kMoreThanCredit; ++n) add_large_write();
  ASSERT_TRUE(waiting(disk, kWithinCredit));
  relay.hold();
  (*served)->call([&] { disk.complete_all(); });
  relay.release();
  EXPECT_EQ(complete(disk, kMoreThanCredit), kMoreThanCredit);
}

TEST_P(RemoteDeviceTest, ADeviceHasOneUser) {
  start("disk0");
  Vm other({(*served)->port()});
  const Result<> refused = other.open("disk0");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("in use"));
  vm->close();
  EXPECT_TRUE(other.open("disk0"));
}

TEST_P(RemoteDeviceTest, AnUnknownNameIsRefused) {
  Vm other({(*served)->port()});
  const Result<> refused = other.open("disk9");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("no device model of that name"));
}

TEST_P(RemoteDeviceTest, AWriteOfConfigurationIsSeenAtOnce) {
  start("disk0", block::kFlush | block::kConfigWce);
  constexpr std::uint64_t kWriteback = kDeviceStart + offsetof(block::Config, writeback);
  EXPECT_EQ(vm->machine().device.read(kStructuresBar, kWriteback, Width::k8), 1u);
  vm->machine().device.write(kStructuresBar, kWriteback, Width::k8, 0);
  EXPECT_EQ(vm->machine().device.read(kStructuresBar, kWriteback, Width::k8), 0u);
}

}  // namespace
}  // namespace orrery::remote
