// virtio-net (virtio 1.2, 5.1).
#include "device/virtio/net/network.hpp"

#include "device/virtio/fixture.hpp"

namespace orrery::testing {
namespace {

using namespace device::virtio;

constexpr MacAddress kMac{0x52, 0x54, 0, 1, 2, 3};
constexpr unsigned kReceive = 0;
constexpr unsigned kTransmit = 1;

std::vector<std::byte> frame_of(std::size_t size, const MacAddress& destination = kMac) {
  std::vector<std::byte> frame(size);
  for (std::size_t i = 0; i < size; ++i) frame[i] = static_cast<std::byte>(i);
  std::memcpy(frame.data(), destination.data(), 6);
  frame[12] = frame[13] = std::byte{0x88};
  return frame;
}

class NetworkTest : public ::testing::TestWithParam<RingParameters> {
 protected:
  void start(Features features = net::kMac | net::kMergeableBuffers) {
    ASSERT_TRUE(machine.driver.start(GetParam().features | features, 8));
  }
  void add_receive_buffers(unsigned count, std::uint32_t size) {
    for (unsigned i = 0; i < count; ++i) {
      machine.driver.queue(kReceive).add({{kBuffers + i * 0x1000, size, true}});
    }
    machine.driver.notify(kReceive);
  }
  void transmit(const net::Header& header, const std::vector<Buffer>& data,
                unsigned queue = kTransmit) {
    machine.host.store(kBuffers, header);
    std::vector<Buffer> chain;
    chain.push_back({kBuffers, sizeof header});
    for (const Buffer& buffer : data) chain.push_back(buffer);
    machine.driver.queue(queue).add(chain);
    machine.driver.notify(queue);
  }
  template <typename T>
  std::uint8_t control(net::ControlClass control_class, std::uint8_t command, const T& data) {
    machine.host.store(kBuffers, net::ControlHeader{control_class, command});
    machine.host.store(kBuffers + 0x100, data);
    machine.host.store(kBuffers + 0x800, std::uint8_t{0xEE});
    const unsigned queue = control_queue;
    machine.driver.queue(queue).add(
        {{kBuffers, 2}, {kBuffers + 0x100, sizeof data}, {kBuffers + 0x800, 1, true}});
    machine.driver.notify(queue);
    EXPECT_TRUE(machine.driver.queue(queue).take_used());
    return machine.host.load<std::uint8_t>(kBuffers + 0x800);
  }

  FakeFrames port;
  Machine<Network> machine{port, NetworkOptions{.mac = kMac, .pairs = 2, .queue_size = 16}};
  unsigned control_queue = 2;
};
INSTANTIATE_TEST_SUITE_P(Rings, NetworkTest, ::testing::ValuesIn(kRings), ring_name);

TEST_P(NetworkTest, ConfigurationTellsMacAndLink) {  // 5.1.4
  EXPECT_EQ(machine.driver.read_config<std::uint8_t>(0), 0x52);
  EXPECT_EQ(machine.driver.read_config<std::uint8_t>(5), 3);
  EXPECT_EQ(machine.driver.read_config<std::uint16_t>(6), net::kLinkUp);
  EXPECT_EQ(machine.driver.read_config<std::uint16_t>(8), 2);
  port.up = false;
  EXPECT_EQ(machine.driver.read_config<std::uint16_t>(6), 0);
}

TEST_P(NetworkTest, SendsAFrameInOnePiece) {  // 5.1.6.2
  start();
  const auto frame = frame_of(60);
  std::ranges::copy(frame, machine.host.memory.begin() + kBuffers + 0x100);
  transmit({}, {{kBuffers + 0x100, 60}});
  ASSERT_EQ(port.sent.size(), 1u);
  EXPECT_EQ(port.sent[0].bytes, frame);
  EXPECT_EQ(port.sent[0].offload, port::FrameOffload{});
  EXPECT_TRUE(machine.driver.queue(kTransmit).take_used());
  EXPECT_EQ(machine.host.mapped_spans, 0u);
}

TEST_P(NetworkTest, SendsAFrameInPieces) {
  start();
  const auto frame = frame_of(100);
  std::ranges::copy(frame, machine.host.memory.begin() + kBuffers + 0x100);
  transmit({}, {{kBuffers + 0x100, 14}, {kBuffers + 0x10E, 50}, {kBuffers + 0x140, 36}});
  ASSERT_EQ(port.sent.size(), 1u);
  EXPECT_EQ(port.sent[0].bytes, frame);
}

TEST_P(NetworkTest, FramesWaitWhileThePortIsFull) {
  start();
  port.room = 0;
  transmit({}, {{kBuffers + 0x100, 60}});
  EXPECT_FALSE(machine.driver.queue(kTransmit).take_used());
  port.make_room(5);
  machine.host.run_posted();
  EXPECT_EQ(port.sent.size(), 1u);
  EXPECT_TRUE(machine.driver.queue(kTransmit).take_used());
}

TEST_P(NetworkTest, FramesOfImpossibleSizeAreDropped) {
  start();
  transmit({}, {{kBuffers + 0x100, 13}});
  transmit({}, {{kBuffers, 0x1'0000}, {kBuffers, 0x1'0000}});
  EXPECT_TRUE(port.sent.empty());
  EXPECT_TRUE(machine.driver.queue(kTransmit).take_used());
  EXPECT_TRUE(machine.driver.queue(kTransmit).take_used());
  EXPECT_FALSE(machine.needs_reset());
}

TEST_P(NetworkTest, FrameOutsideRamNeedsAReset) {
  start();
  transmit({}, {{kNoRam, 60}});
  EXPECT_TRUE(machine.needs_reset());
}

TEST_P(NetworkTest, OffloadsWithoutAPortForThemAreNotOffered) {  // 5.1.3
  const Features offloads = net::kChecksum | net::kGuestChecksum | net::kHostTso4 | net::kHostTso6 |
                            net::kGuestTso4 | net::kGuestTso6;
  EXPECT_EQ(machine.driver.offered() & offloads, 0u);
  start();
  transmit({net::kNeedsChecksum, 0, 0, 0, 34, 16, 0}, {{kBuffers + 0x100, 60}});
  EXPECT_TRUE(port.sent.empty()) << "a frame that asks for what was not negotiated is dropped";
}

TEST_P(NetworkTest, ReceivesIntoOneBuffer) {  // 5.1.6.4
  start();
  add_receive_buffers(1, 2048);
  const auto frame = frame_of(100);
  EXPECT_TRUE(port.deliver(frame));
  machine.host.run_posted();
  EXPECT_EQ(machine.driver.queue(kReceive).take_used(), (Used{0, 112}));
  EXPECT_EQ(machine.host.load<net::Header>(kBuffers).num_buffers, 1);
  EXPECT_TRUE(std::ranges::equal(
      frame, std::span(machine.host.memory).subspan(kBuffers + 12, frame.size())));
}

TEST_P(NetworkTest, MergesBuffersForALargeFrame) {  // 5.1.6.3.2
  start();
  add_receive_buffers(3, 64);
  const auto frame = frame_of(150);
  EXPECT_TRUE(port.deliver(frame));
  machine.host.run_posted();
  EXPECT_EQ(machine.driver.queue(kReceive).take_used()->length, 64u);
  EXPECT_EQ(machine.driver.queue(kReceive).take_used()->length, 64u);
  EXPECT_EQ(machine.driver.queue(kReceive).take_used()->length, 34u);
  EXPECT_EQ(machine.host.load<net::Header>(kBuffers).num_buffers, 3);
  EXPECT_EQ(machine.host.load<std::uint8_t>(kBuffers + 0x2000 + 33), 149);
}

TEST_P(NetworkTest, FrameWaitsInThePortUntilThereAreBuffers) {
  start();
  add_receive_buffers(1, 64);
  const auto frame = frame_of(150);
  EXPECT_FALSE(port.deliver(frame)) << "three buffers are needed";
  EXPECT_EQ(port.resumed, 0u);
  machine.driver.queue(kReceive).add({{kBuffers + 0x1000, 64, true}});
  machine.driver.queue(kReceive).add({{kBuffers + 0x2000, 64, true}});
  machine.driver.notify(kReceive);
  EXPECT_EQ(port.resumed, 1u);
  EXPECT_TRUE(port.deliver(frame));
}

TEST_P(NetworkTest, FrameThatFitsNoBufferIsDropped) {
  start(net::kMac);
  add_receive_buffers(1, 64);
  EXPECT_TRUE(port.deliver(frame_of(150)));
  EXPECT_TRUE(port.deliver(frame_of(40)));
  machine.host.run_posted();
  EXPECT_EQ(machine.driver.queue(kReceive).take_used()->length, 52u);
}

TEST_P(NetworkTest, ControlChangesWhatIsReceived) {  // 5.1.6.5.1, 5.1.6.5.2
  start(net::kControlQueue | net::kControlReceive | net::kControlMac | net::kControlVlan);
  add_receive_buffers(8, 128);
  const auto count = [&](const std::vector<std::byte>& frame) {
    EXPECT_TRUE(port.deliver(frame));
    machine.host.run_posted();
    return machine.driver.queue(kReceive).take_used().has_value();
  };
  const MacAddress stranger{2, 0, 0, 0, 0, 1};
  const MacAddress group{1, 0, 0x5E, 0, 0, 1};
  EXPECT_TRUE(count(frame_of(60, stranger))) << "promiscuous at first";
  EXPECT_EQ(control(net::ControlClass::kReceive, 0, std::uint8_t{0}), 0);
  EXPECT_FALSE(count(frame_of(60, stranger)));
  EXPECT_TRUE(count(frame_of(60)));
  EXPECT_FALSE(count(frame_of(60, group)));
  EXPECT_EQ(control(net::ControlClass::kReceive, 1, std::uint8_t{1}), 0);
  EXPECT_TRUE(count(frame_of(60, group)));
  EXPECT_EQ(control(net::ControlClass::kAddress, net::kMacAddressSet, stranger), 0);
  EXPECT_TRUE(count(frame_of(60, stranger)));
  EXPECT_EQ(machine.driver.read_config<std::uint8_t>(0), 2);
  auto tagged = frame_of(60, stranger);
  tagged[12] = std::byte{0x81};
  tagged[13] = std::byte{0};
  tagged[14] = std::byte{0};
  tagged[15] = std::byte{7};
  EXPECT_FALSE(count(tagged));
  EXPECT_EQ(control(net::ControlClass::kVlan, net::kVlanAdd, std::uint16_t{7}), 0);
  EXPECT_TRUE(count(tagged));
}

TEST_P(NetworkTest, MacTableIsSet) {
  start(net::kControlQueue | net::kControlReceive);
  struct __attribute__((packed)) {
    std::uint32_t unicast = 1;
    MacAddress one{2, 0, 0, 0, 0, 9};
    std::uint32_t multicast = 0;
  } const table;
  EXPECT_EQ(control(net::ControlClass::kReceive, 0, std::uint8_t{0}), 0);
  EXPECT_EQ(control(net::ControlClass::kAddress, net::kMacTableSet, table), 0);
  add_receive_buffers(1, 128);
  EXPECT_TRUE(port.deliver(frame_of(60, table.one)));
  machine.host.run_posted();
  EXPECT_TRUE(machine.driver.queue(kReceive).take_used());
}

TEST_P(NetworkTest, ControlRefusesWhatItDoesNotKnow) {
  start(net::kControlQueue);
  EXPECT_EQ(control(net::ControlClass{99}, 0, std::uint8_t{0}), 1);
  EXPECT_EQ(control(net::ControlClass::kReceive, 0, std::uint8_t{0}), 1) << "not negotiated";
  EXPECT_EQ(control(net::ControlClass::kAddress, net::kMacTableSet, std::uint32_t{~0u}), 1);
  EXPECT_FALSE(machine.needs_reset());
}

TEST_P(NetworkTest, FlowsComeBackOnTheirPair) {  // 5.1.6.5.5
  control_queue = 4;
  start(net::kControlQueue | net::kMultiQueue | net::kMergeableBuffers);
  EXPECT_EQ(control(net::ControlClass::kPairs, 0, std::uint16_t{3}), 1);
  EXPECT_EQ(control(net::ControlClass::kPairs, 0, std::uint16_t{2}), 0);
  auto frame = frame_of(60);
  frame[12] = std::byte{0x08};
  frame[13] = std::byte{0x00};
  frame[14] = std::byte{0x45};
  frame[20] = frame[21] = std::byte{0};
  frame[23] = std::byte{6};
  std::ranges::copy(frame, machine.host.memory.begin() + kBuffers + 0x100);
  transmit({}, {{kBuffers + 0x100, 60}}, 3);
  machine.driver.queue(2).add({{kBuffers + 0x1000, 128, true}});
  machine.driver.notify(2);
  std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
  std::swap_ranges(frame.begin() + 34, frame.begin() + 36, frame.begin() + 36);
  EXPECT_TRUE(port.deliver(frame));
  machine.host.run_posted();
  EXPECT_TRUE(machine.driver.queue(2).take_used());
}

TEST_P(NetworkTest, StateComesBack) {
  start(net::kControlQueue | net::kControlReceive | net::kControlMac | net::kControlVlan);
  EXPECT_EQ(control(net::ControlClass::kReceive, 0, std::uint8_t{0}), 0);
  EXPECT_EQ(control(net::ControlClass::kVlan, net::kVlanAdd, std::uint16_t{7}), 0);
  FakeFrames other;
  Machine<Network> fresh{other, NetworkOptions{.mac = kMac, .pairs = 2, .queue_size = 16}};
  fresh.host.memory = machine.host.memory;
  expect_round_trip(machine.device, fresh.device);
}

TEST(NetworkOffloads, FollowThePort) {
  FakeFrames port;
  port.support = {.checksum = true, .tcp4 = true, .tcp6 = false};
  Machine<Network> machine{port, NetworkOptions{.mac = kMac}};
  const Features features = net::kChecksum | net::kHostTso4 | net::kGuestChecksum |
                            net::kGuestTso4 | net::kMergeableBuffers | net::kControlQueue |
                            net::kControlGuestOffloads;
  EXPECT_EQ(machine.driver.offered() & features, features);
  EXPECT_EQ(machine.driver.offered() & (net::kHostTso6 | net::kGuestTso6), 0u);
  EXPECT_FALSE(machine.driver.negotiate(kVersion1 | net::kHostTso4)) << "needs CSUM (5.1.3.1)";
  ASSERT_TRUE(machine.driver.start(features));
  EXPECT_TRUE(port.accepted.checksum && port.accepted.tcp4);
  machine.host.store(kBuffers, net::Header{net::kNeedsChecksum, 1, 54, 1000, 34, 16, 0});
  machine.driver.queue(1).add({{kBuffers, 12 + 4000}});
  machine.driver.notify(1);
  ASSERT_EQ(port.sent.size(), 1u);
  const port::FrameOffload expected{.needs_checksum = true,
                                    .checksum_start = 34,
                                    .checksum_offset = 16,
                                    .segmentation = port::FrameOffload::Segmentation::kTcp4,
                                    .header_length = 54,
                                    .segment_size = 1000};
  EXPECT_EQ(port.sent[0].offload, expected);
  machine.driver.queue(0).add({{kBuffers, 8000, true}});
  machine.driver.notify(0);
  EXPECT_TRUE(port.deliver(frame_of(4000), expected));
  machine.host.run_posted();
  const auto header = machine.host.load<net::Header>(kBuffers);
  EXPECT_EQ(header.flags, net::kNeedsChecksum);
  EXPECT_EQ(header.gso_size, 1000);
  machine.driver.set_status(0);
  EXPECT_FALSE(port.accepted.checksum) << "a reset withdraws what the driver accepted";
}

}  // namespace
}  // namespace orrery::testing
