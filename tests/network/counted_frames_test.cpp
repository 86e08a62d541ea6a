// What was taken is counted, and what was refused is not (network/counted_frames.hpp).
#include "network/counted_frames.hpp"

#include <gtest/gtest.h>

#include "support/fake_ports.hpp"

namespace orrery::network {
namespace {

TEST(CountedFrames, CountsWhatWasTaken) {
  auto* const inside = new testing::FakeFrames;
  CountedFrames counted{std::unique_ptr<port::Frames>(inside)};
  bool room = true;
  counted.set_callbacks([&](const port::Frame& /*frame*/) { return room; }, [] {});
  const std::vector<std::byte> bytes(100);
  const port::Frame frame{.bytes = bytes, .offload = {}};
  EXPECT_EQ(counted.traffic(), port::Traffic{});
  EXPECT_TRUE(counted.send(frame));
  EXPECT_EQ(counted.traffic(), (port::Traffic{.out = 1, .out_bytes = 100}));
  EXPECT_TRUE(inside->deliver(ByteSpan(bytes).first(60)));
  inside->room = 0;
  room = false;
  EXPECT_FALSE(counted.send(frame));
  EXPECT_FALSE(inside->deliver(bytes));
  EXPECT_EQ(counted.traffic(),
            (port::Traffic{.in = 1, .in_bytes = 60, .out = 1, .out_bytes = 100}));
}

}  // namespace
}  // namespace orrery::network
