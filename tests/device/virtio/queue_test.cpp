// Virtqueues through a device with one queue (virtio 1.2, 2.6 to 2.8): chains, indirect tables,
// event suppression, and drivers that break the rules.
#include <deque>

#include "device/virtio/fixture.hpp"

namespace orrery::testing {
namespace {

using namespace device::virtio;

// Takes all chains, and gives them back when the test says so, having written 7 bytes.
class Echo final : public Model {
 public:
  std::deque<Chain> chains;
  Core* core = nullptr;
  bool hold = false;

  void give_back(std::size_t index = 0) {
    core->give(0, chains[index], 7);
    chains.erase(chains.begin() + static_cast<std::ptrdiff_t>(index));
  }

  std::string_view name() const override { return "echo"; }
  DeviceType type() const override { return DeviceType::kEntropy; }
  Features features() const override { return 0; }
  unsigned queue_count() const override { return 1; }
  std::uint16_t queue_size(unsigned) const override { return 16; }
  ByteSpan config() override { return {}; }
  void attach(Core& to) override { core = &to; }
  void start(Features) override {}
  void process(unsigned queue) override {
    core->drain(queue, [this](Virtqueue& from) {
      if (hold) return Taken::kLater;
      chains.emplace_back();
      const Taken taken = from.take(chains.back());
      if (taken != Taken::kChain) chains.pop_back();
      return taken;
    });
  }
  bool stop() override { return true; }
  device::State save() const override { return device::State::object(); }
  void restore(const device::State&, Features) override {}
};

class QueueTest : public ::testing::TestWithParam<RingParameters> {
 protected:
  void start(Features more = kIndirectDescriptors, std::uint16_t size = 8) {
    machine.driver.enable_msix(2);
    ASSERT_TRUE(machine.driver.start(GetParam().features | more, size));
  }
  bool packed() const { return (GetParam().features & kRingPacked) != 0; }
  bool event_index() const { return (GetParam().features & kEventIndex) != 0; }
  DriverQueue& queue() { return machine.driver.queue(0); }
  void notify() { machine.driver.notify(0); }
  void expect_broken() {
    notify();
    EXPECT_TRUE(machine.needs_reset());
    EXPECT_TRUE(echo.chains.empty());
    ASSERT_FALSE(host.msis.empty());
    EXPECT_EQ(host.msis.back().data, 0x40u) << "a configuration change notification (2.1.2)";
  }
  // Replaces what add() put into descriptor INDEX.
  void patch_flags(unsigned index, std::uint16_t set) {
    const unsigned at = packed() ? 14 : 12;
    const std::uint64_t address = queue().descriptors() + index * 16 + at;
    host.store(address, static_cast<std::uint16_t>(host.load<std::uint16_t>(address) | set));
  }

  Machine<Echo> machine;
  Echo& echo = machine.model;
  FakeHost& host = machine.host;
};
INSTANTIATE_TEST_SUITE_P(Rings, QueueTest, ::testing::ValuesIn(kRings), ring_name);

TEST_P(QueueTest, ChainArrivesReadableFirst) {
  start();
  queue().add({{kBuffers, 16}, {kBuffers + 64, 8}, {kBuffers + 128, 32, true}});
  notify();
  ASSERT_EQ(echo.chains.size(), 1u);
  const Chain& chain = echo.chains[0];
  EXPECT_EQ(chain.readable().size(), 2u);
  EXPECT_EQ(chain.readable_bytes, 24u);
  EXPECT_EQ(chain.writable_bytes, 32u);
  EXPECT_EQ(chain.writable()[0].address, GuestPhysical(kBuffers + 128));
}

TEST_P(QueueTest, ManyTurnsOfTheRingKeepOrder) {
  start();
  for (unsigned turn = 0; turn < 1000; ++turn) {
    const auto id = queue().add({{kBuffers, 16}, {kBuffers + 64, 8, true}, {kBuffers, 1, true}});
    notify();
    ASSERT_EQ(echo.chains.size(), 1u) << turn;
    echo.give_back();
    host.run_posted();
    ASSERT_EQ(queue().take_used(), (Used{id, 7})) << turn;
    ASSERT_FALSE(queue().take_used());
  }
  EXPECT_FALSE(machine.needs_reset());
}

TEST_P(QueueTest, ChainsComeBackInAnyOrder) {
  start();
  const auto first = queue().add({{kBuffers, 16}, {kBuffers, 8}});
  const auto second = queue().add({{kBuffers, 16}});
  notify();
  ASSERT_EQ(echo.chains.size(), 2u);
  echo.give_back(1);
  echo.give_back(0);
  host.run_posted();
  EXPECT_EQ(queue().take_used(), (Used{second, 7}));
  EXPECT_EQ(queue().take_used(), (Used{first, 7}));
}

TEST_P(QueueTest, FullRingWorks) {
  start();
  for (unsigned turn = 0; turn < 5; ++turn) {
    for (unsigned i = 0; i < 8; ++i) queue().add({{kBuffers, 16}});
    notify();
    ASSERT_EQ(echo.chains.size(), 8u);
    while (!echo.chains.empty()) echo.give_back();
    host.run_posted();
    for (unsigned i = 0; i < 8; ++i) ASSERT_TRUE(queue().take_used());
  }
}

TEST_P(QueueTest, IndirectTableIsTheChain) {  // 2.7.5.3, 2.8.7
  start();
  std::vector<Buffer> buffers;
  for (unsigned i = 0; i < 20; ++i) buffers.push_back({kBuffers + i * 16, i + 1, i >= 10});
  const auto id = queue().add_indirect(buffers, kTable);
  notify();
  ASSERT_EQ(echo.chains.size(), 1u);
  EXPECT_EQ(echo.chains[0].readable_bytes, 55u);
  EXPECT_EQ(echo.chains[0].writable_bytes, 155u);
  EXPECT_EQ(echo.chains[0].segments.size(), 20u);
  echo.give_back();
  host.run_posted();
  EXPECT_EQ(queue().take_used(), (Used{id, 7}));
}

TEST_P(QueueTest, ChainsOfOneTurnCostOneInterrupt) {
  start();
  for (unsigned i = 0; i < 6; ++i) queue().add({{kBuffers, 16}});
  queue().want_interrupt_after(1);
  notify();
  while (!echo.chains.empty()) echo.give_back();
  EXPECT_TRUE(host.msis.empty());
  host.run_posted();
  EXPECT_EQ(host.msis, (std::vector<Msi>{{Driver::kMsiAddress, 0x41}}));
}

TEST_P(QueueTest, EventIndexChoosesTheInterrupt) {  // 2.7.7, 2.8.10
  if (!event_index()) GTEST_SKIP() << "VIRTIO_F_EVENT_IDX is not negotiated";
  start();
  for (unsigned turn = 0; turn < 50; ++turn) {
    host.msis.clear();
    queue().want_interrupt_after(3);
    for (unsigned i = 0; i < 4; ++i) {
      queue().add({{kBuffers, 16}});
      notify();
      echo.give_back();
      host.run_posted();
      ASSERT_EQ(host.msis.size(), i >= 2 ? 1u : 0u) << "turn " << turn << " chain " << i;
    }
    while (queue().take_used()) {
    }
  }
}

TEST_P(QueueTest, DriverCanSwitchInterruptsOff) {  // 2.7.7, 2.8.10
  start();
  if (packed()) {
    host.store(queue().driver_area() + 2, std::uint16_t{kEventDisable});
  } else if (!event_index()) {
    queue().set_avail_flags(kAvailableNoInterrupt);
  } else {
    queue().want_interrupt_after(100);
  }
  queue().add({{kBuffers, 16}});
  notify();
  echo.give_back();
  host.run_posted();
  EXPECT_TRUE(host.msis.empty());
  EXPECT_TRUE(queue().take_used());
}

TEST_P(QueueTest, DeviceAsksForTheNextNotificationWhenItIsDone) {  // 2.7.10, 2.8.10
  start();
  queue().add({{kBuffers, 16}});
  notify();
  if (packed()) {
    const auto event = host.load<PackedEvent>(queue().device_area());
    EXPECT_EQ(event.flags, event_index() ? kEventPlace : kEventEnable);
    if (event_index()) {
      EXPECT_EQ(event.place, 1 | kPackedWrap);
    }
  } else if (event_index()) {
    EXPECT_EQ(host.load<std::uint16_t>(queue().device_area() + 4 + 8 * 8), 1);
  } else {
    EXPECT_EQ(host.load<std::uint16_t>(queue().device_area()), 0);
  }
}

TEST_P(QueueTest, RestoredDeviceGoesOnWhereItWas) {
  start();
  for (unsigned i = 0; i < 11; ++i) {
    queue().add({{kBuffers, 16}});
    notify();
    echo.give_back();
    host.run_posted();
    ASSERT_TRUE(queue().take_used());
  }
  Machine<Echo> fresh;
  expect_round_trip(machine.device, fresh.device);
  const auto id = queue().add({{kBuffers, 16}});
  fresh.host.memory = host.memory;
  fresh.device.write(0, kNotifyStart, Width::k16, 0);
  fresh.host.run_posted();
  ASSERT_EQ(fresh.model.chains.size(), 1u);
  fresh.model.give_back();
  fresh.host.run_posted();
  host.memory = fresh.host.memory;
  EXPECT_EQ(queue().take_used(), (Used{id, 7}));
}

TEST_P(QueueTest, LoopBreaksTheDevice) {  // 2.7.5.3.1, 2.8.5
  start();
  queue().add({{kBuffers, 16}, {kBuffers, 16}});
  if (packed()) {
    for (unsigned i = 0; i < 8; ++i) patch_flags(i, kNext);
  } else {
    patch_flags(1, kNext);
    host.store(queue().descriptors() + 16 + 14, std::uint16_t{0});
  }
  expect_broken();
}

TEST_P(QueueTest, WritableBeforeReadableBreaksTheDevice) {  // 2.7.4.2
  start();
  queue().add({{kBuffers, 16, true}, {kBuffers, 16}});
  expect_broken();
}

TEST_P(QueueTest, BufferAtTheEndOfTheAddressSpaceBreaksTheDevice) {
  start();
  queue().add({{0xFFFF'FFFF'FFFF'FFF0, 32}});
  expect_broken();
}

TEST_P(QueueTest, IndirectWithoutTheFeatureBreaksTheDevice) {
  start(0);
  queue().add_indirect({{kBuffers, 16}}, kTable);
  expect_broken();
}

TEST_P(QueueTest, IndirectTableOutsideRamBreaksTheDevice) {
  start();
  queue().add({{kNoRam, 32}});
  patch_flags(0, kIndirect);
  expect_broken();
}

TEST_P(QueueTest, IndirectTableOfOddLengthBreaksTheDevice) {  // 2.7.5.3.2
  start();
  for (const std::uint32_t length : {0u, 8u, 17u}) {
    host.msis.clear();
    ASSERT_TRUE(machine.driver.start(GetParam().features | kIndirectDescriptors, 8));
    queue().add({{kTable, length}});
    patch_flags(0, kIndirect);
    expect_broken();
  }
}

TEST_P(QueueTest, TableWithinATableBreaksTheDevice) {
  if (packed()) GTEST_SKIP() << "the flag is reserved in a packed ring's tables";
  start();
  queue().add_indirect({{kBuffers, 16}, {kBuffers, 16}}, kTable);
  host.store(kTable + 16 + 12, std::uint16_t{kIndirect});
  expect_broken();
}

TEST_P(QueueTest, IndexBeyondTheTableBreaksTheDevice) {
  if (packed()) GTEST_SKIP() << "packed rings have no indices";
  start();
  queue().add({{kBuffers, 16}});
  host.store(queue().driver_area() + 4, std::uint16_t{8});
  expect_broken();
}

TEST_P(QueueTest, JumpingAvailableIndexBreaksTheDevice) {
  if (packed()) GTEST_SKIP() << "packed rings have no indices";
  start();
  host.store(queue().driver_area() + 2, std::uint16_t{9});
  expect_broken();
}

TEST_P(QueueTest, RingOutsideRamBreaksTheDevice) {
  machine.driver.enable_msix(2);
  ASSERT_TRUE(machine.driver.negotiate(GetParam().features | kVersion1));
  machine.driver.set(CommonField::kConfigMsixVector, 0);
  machine.driver.set(CommonField::kQueueDesc, kNoRam);
  machine.driver.set(CommonField::kQueueDriver, kNoRam);
  machine.driver.set(CommonField::kQueueDevice, kNoRam);
  machine.driver.set(CommonField::kQueueEnable, 1);
  machine.driver.set_status(0xF);
  host.run_posted();
  expect_broken();
}

TEST_P(QueueTest, ResetMendsABrokenDevice) {
  start();
  queue().add({{kBuffers, 16, true}, {kBuffers, 16}});
  expect_broken();
  std::ranges::fill(host.memory, std::byte{0});
  start();
  EXPECT_FALSE(machine.needs_reset());
  queue().add({{kBuffers, 16}});
  notify();
  EXPECT_EQ(echo.chains.size(), 1u);
}

}  // namespace
}  // namespace orrery::testing
