// virtio-rng (virtio 1.2, 5.4).
#include "device/virtio/entropy/entropy.hpp"

#include "device/virtio/fixture.hpp"

namespace orrery::testing {
namespace {

class EntropyTest : public ::testing::Test {
 protected:
  FakeEntropy port;
  Machine<device::virtio::Entropy> machine{port};
};

TEST_F(EntropyTest, FillsTheBuffer) {
  ASSERT_TRUE(machine.driver.start(0));
  machine.driver.queue(0).add({{kBuffers, 3, true}, {kBuffers + 16, 5, true}});
  machine.driver.notify(0);
  EXPECT_EQ(machine.driver.queue(0).take_used(), (Used{0, 8}));
  EXPECT_EQ(machine.host.load<std::uint8_t>(kBuffers + 2), 3);
  EXPECT_EQ(machine.host.load<std::uint8_t>(kBuffers + 3), 0);
  EXPECT_EQ(machine.host.load<std::uint8_t>(kBuffers + 20), 8);
}

TEST_F(EntropyTest, ReadableBufferNeedsAReset) {  // 5.4.6.1
  ASSERT_TRUE(machine.driver.start(0));
  machine.driver.queue(0).add({{kBuffers, 3}});
  machine.driver.notify(0);
  EXPECT_TRUE(machine.needs_reset());
}

TEST_F(EntropyTest, BufferOutsideRamNeedsAReset) {
  ASSERT_TRUE(machine.driver.start(0));
  machine.driver.queue(0).add({{kNoRam, 3, true}});
  machine.driver.notify(0);
  EXPECT_TRUE(machine.needs_reset());
}

TEST_F(EntropyTest, StateComesBack) {
  ASSERT_TRUE(machine.driver.start(0));
  Machine<device::virtio::Entropy> fresh{port};
  expect_round_trip(machine.device, fresh.device);
}

}  // namespace
}  // namespace orrery::testing
