// An owner server: it is asked for device models that are on another server, forwards what comes
// for them, and tells the direct way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remote/device_fixture.hpp"

namespace orrery::remote {
namespace {

using ::testing::HasSubstr;
using Routes = RemoteModels::Options::Routes;

constexpr std::uint64_t kData = kBuffers + 0x1000;

class ForwardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    disk.cached = true;
    server = std::make_unique<Served>(disk, frames);
    owner = Served::forwarding_to((*server)->port());
  }
  void start(const std::string& name, Routes routes) {
    vm = std::make_unique<Vm>(std::vector{(*owner)->port()}, routes);
    const Result<> opened = vm->open(name);
    ASSERT_TRUE(opened) << opened.error().message();
    ASSERT_TRUE(vm->driver().start(0, 16));
  }
  std::uint64_t count() {
    vm->driver().queue(0).add({{kData, 8, true}});
    vm->driver().notify(0);
    return vm->take_used() ? vm->host().load<std::uint64_t>(kData) : 0;
  }
  RemoteModels::Whereabouts whereabouts() { return vm->models().whereabouts().at(0); }

  FakeBlocks disk{kDiskSize};
  FakeFrames frames;
  std::unique_ptr<Served> server;
  std::unique_ptr<Served> owner;
  std::unique_ptr<Vm> vm;
};

TEST_F(ForwardTest, WhatComesForAModelElsewhereIsForwarded) {
  start("counter", Routes::kIgnore);
  for (std::uint64_t n = 1; n <= 50; ++n) ASSERT_EQ(count(), n);
  EXPECT_THAT(whereabouts().server, HasSubstr((*owner)->port()));
}

TEST_F(ForwardTest, TheNextRequestsGoDirectly) {
  start("counter", Routes::kFollow);
  for (std::uint64_t n = 1; n <= 5; ++n) ASSERT_EQ(count(), n);
  ASSERT_TRUE(vm->turn_until([&] {
    return whereabouts().found && whereabouts().server.ends_with((*server)->port());
  })) << whereabouts().server;
  EXPECT_EQ(count(), 6u);
  owner.reset();  // nobody needs it any more
  for (std::uint64_t n = 7; n <= 12; ++n) ASSERT_EQ(count(), n);
}

// The way there ends; the VM asks its owner again, who finds it again.
TEST_F(ForwardTest, AServerThatStartsAnewIsFoundAgainThroughTheOwner) {
  start("counter", Routes::kIgnore);
  for (std::uint64_t n = 1; n <= 5; ++n) ASSERT_EQ(count(), n);
  const std::string address = "127.0.0.1:" + (*server)->port();
  server.reset();
  server = std::make_unique<Served>(disk, frames, address);
  for (std::uint64_t n = 6; n <= 9; ++n) ASSERT_EQ(count(), n);
}

TEST_F(ForwardTest, ItIsReleasedThereWithTheVm) {
  start("counter", Routes::kIgnore);
  EXPECT_EQ(count(), 1u);
  vm->close();
  Vm other({(*server)->port()});
  EXPECT_TRUE(vm->turn_until([&] { return other.open("counter").has_value(); }));
}

TEST_F(ForwardTest, ARefusalIsToldByTheOwner) {
  Vm other({(*server)->port()});
  ASSERT_TRUE(other.open("counter"));
  Vm late({(*owner)->port()});
  const Result<> refused = late.open("counter");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("in use"));
}

// More than there is credit for: the owner keeps what the server does not take yet.
TEST_F(ForwardTest, LargeRequestsWaitForCredit) {
  disk.cached = false;
  vm = std::make_unique<Vm>(std::vector{(*owner)->port()}, Routes::kIgnore);
  ASSERT_TRUE(vm->open("disk0"));
  ASSERT_TRUE(vm->driver().start(block::kFlush, 64));
  constexpr std::uint32_t kHalf = kDiskSize / 2 - 0x2000;
  constexpr unsigned kRequests = 12;
  vm->host().store(kBuffers, block::RequestHeader{block::kOut, 0, 0});
  for (unsigned n = 0; n < kRequests; ++n) {
    vm->driver().queue(0).add(
        {{kBuffers, 16}, {kData, kHalf}, {kData, kHalf}, {kBuffers + 0x800, 1, true}});
    vm->driver().notify(0);
  }
  unsigned done = 0;
  ASSERT_TRUE(vm->turn_until([&] {
    (*server)->call([&] { disk.complete_all(); });
    while (vm->driver().queue(0).take_used()) ++done;
    return done == kRequests;
  })) << done;
}

}  // namespace
}  // namespace orrery::remote
