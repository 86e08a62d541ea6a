// A held disk begins nothing and finishes what it began (storage/gated_disk.hpp).
#include "storage/gated_disk.hpp"

#include <gtest/gtest.h>

#include "support/fake_ports.hpp"

namespace orrery::storage {
namespace {

using port::BlockRequest;
using Kind = BlockRequest::Kind;

class GatedDiskTest : public ::testing::Test {
 protected:
  void submit(Kind kind) {
    gated.submit({.kind = kind, .offset = 0, .length = bytes.size(), .buffers = {bytes}},
                 [this](const Result<>& result) {
                   ++completed;
                   EXPECT_TRUE(result.has_value());
                 });
  }
  BlockRequest read_request() {
    return {.kind = Kind::kRead, .offset = 0, .length = bytes.size(), .buffers = {bytes}};
  }

  testing::FakeBlocks* const disk = new testing::FakeBlocks(1_MiB);
  GatedDisk gated{std::unique_ptr<port::Blocks>(disk)};
  std::vector<std::byte> bytes = std::vector<std::byte>(512);
  int completed = 0;
};

TEST_F(GatedDiskTest, IsTheDiskWhileItIsNotHeld) {
  disk->cached = true;
  submit(Kind::kWrite);
  EXPECT_EQ(gated.under_way(), 1U);
  EXPECT_TRUE(gated.read_at_once(read_request()));
  disk->complete_all();
  EXPECT_EQ(completed, 1);
  EXPECT_EQ(gated.under_way(), 0U);
  EXPECT_FALSE(gated.quiescent());
  EXPECT_EQ(gated.geometry().serial, "orrery-disk");
}

TEST_F(GatedDiskTest, CountsReadsAndWritesThatWereCarriedOut) {
  submit(Kind::kWrite);
  submit(Kind::kFlush);
  submit(Kind::kRead);
  EXPECT_EQ(gated.traffic(), port::Traffic{}) << "before they are answered";
  disk->complete_all();
  EXPECT_FALSE(gated.read_at_once(read_request()));
  disk->cached = true;
  EXPECT_TRUE(gated.read_at_once(read_request()));
  EXPECT_EQ(gated.traffic(),
            (port::Traffic{.in = 2, .in_bytes = 1024, .out = 1, .out_bytes = 512}));
}

TEST_F(GatedDiskTest, FinishesWhatItBeganAndThenSaysSo) {
  int quiescent = 0;
  gated.on_quiescent([&] {
    ++quiescent;
    EXPECT_EQ(completed, 2) << "before its request was answered";
  });
  submit(Kind::kWrite);
  submit(Kind::kRead);
  gated.hold();
  EXPECT_FALSE(gated.quiescent());
  disk->complete_one();
  EXPECT_EQ(quiescent, 0);
  disk->complete_one();
  EXPECT_EQ(quiescent, 1);
  EXPECT_TRUE(gated.quiescent());
}

TEST_F(GatedDiskTest, BeginsNothingWhileItIsHeld) {
  disk->cached = true;
  gated.hold();
  EXPECT_TRUE(gated.quiescent());
  submit(Kind::kWrite);
  submit(Kind::kFlush);
  EXPECT_FALSE(gated.read_at_once(read_request()));
  EXPECT_TRUE(disk->waiting.empty());
  EXPECT_TRUE(gated.quiescent());
  gated.release();
  EXPECT_EQ(disk->seen, (std::vector{Kind::kWrite, Kind::kFlush})) << "in the order of asking";
  disk->complete_all();
  EXPECT_EQ(completed, 2);
}

TEST_F(GatedDiskTest, WhatWaitsCanBeRefused) {
  gated.hold();
  int refused = 0;
  const auto refuse = [&](const Result<>& result) { refused += result ? 0 : 1; };
  BlockRequest write = read_request();
  write.kind = Kind::kWrite;
  gated.submit(write, [&](const Result<>& result) {
    refuse(result);
    gated.submit(write, refuse);
  });
  gated.refuse_waiting();
  EXPECT_EQ(refused, 2);
  gated.release();
  EXPECT_EQ(gated.under_way(), 0U) << "what was refused has reached the disk";
}

TEST_F(GatedDiskTest, HoldsNest) {
  gated.hold();
  gated.hold();
  submit(Kind::kWrite);
  gated.release();
  EXPECT_TRUE(disk->waiting.empty());
  gated.release();
  EXPECT_EQ(disk->waiting.size(), 1U);
}

TEST_F(GatedDiskTest, ACompletionThatAsksAgainWaits) {
  gated.submit({.kind = Kind::kWrite, .offset = 0, .length = bytes.size(), .buffers = {bytes}},
               [this](const Result<>&) { submit(Kind::kFlush); });
  gated.hold();
  disk->complete_one();
  EXPECT_TRUE(gated.quiescent());
  EXPECT_TRUE(disk->waiting.empty());
  gated.release();
  EXPECT_EQ(disk->complete_all(), 1U);
  EXPECT_EQ(completed, 1);
}

}  // namespace
}  // namespace orrery::storage
