// virtio-console (virtio 1.2, 5.3).
#include "device/virtio/console/console.hpp"

#include "device/virtio/fixture.hpp"

namespace orrery::testing {
namespace {

using namespace device::virtio;
using console::Event;

struct Message {
  std::uint32_t id;
  Event event;
  std::string rest;
  friend bool operator==(const Message&, const Message&) = default;
};

class ConsoleTest : public ::testing::TestWithParam<RingParameters> {
 protected:
  void start(Features features) {
    ASSERT_TRUE(machine.driver.start(GetParam().features | features, 16));
    if ((features & console::kMultiport) == 0) return;
    for (unsigned i = 0; i < 12; ++i) {
      machine.driver.queue(2).add({{kBuffers + 0x4000 + i * 64, 64, true}});
    }
    machine.driver.notify(2);
  }
  void say(std::uint32_t id, Event event, std::uint16_t value = 1) {
    machine.host.store(kBuffers, console::Control{id, event, value});
    machine.driver.queue(3).add({{kBuffers, 8}});
    machine.driver.notify(3);
    EXPECT_TRUE(machine.driver.queue(3).take_used());
  }
  // The next control message of the device.
  std::optional<Message> hear() {
    const auto used = machine.driver.queue(2).take_used();
    if (!used) return std::nullopt;
    const std::uint64_t at = kBuffers + 0x4000 + (heard++ % 12) * 64;
    const auto control = machine.host.load<console::Control>(at);
    EXPECT_EQ(control.value, 1);
    const auto* rest = reinterpret_cast<const char*>(machine.host.memory.data() + at + 8);
    return Message{control.id, control.event, std::string(rest, used->length - 8)};
  }
  void transmit(std::string_view text, unsigned queue = 1) {
    std::memcpy(machine.host.memory.data() + kBuffers + 0x1000, text.data(), text.size());
    machine.driver.queue(queue).add({{kBuffers + 0x1000, static_cast<std::uint32_t>(text.size())}});
    machine.driver.notify(queue);
  }
  std::string text_at(std::uint64_t address, std::size_t size) {
    return {reinterpret_cast<const char*>(machine.host.memory.data() + address), size};
  }

  static std::vector<ConsolePort> ports(FakeConsole& one, FakeConsole& two) {
    return {{one, ConsolePortKind::kTerminal, "tty"}, {two, ConsolePortKind::kChannel, "agent"}};
  }

  FakeConsole terminal;
  FakeConsole agent;
  Machine<Console> machine{ports(terminal, agent)};
  unsigned heard = 0;
};
INSTANTIATE_TEST_SUITE_P(Rings, ConsoleTest, ::testing::ValuesIn(kRings), ring_name);

TEST_P(ConsoleTest, OnePortWithoutMultiport) {  // 5.3.6
  start(0);
  transmit("hello");
  EXPECT_EQ(terminal.output, "hello");
  EXPECT_TRUE(machine.driver.queue(1).take_used());
  machine.driver.queue(0).add({{kBuffers, 4, true}});
  machine.driver.queue(0).add({{kBuffers + 16, 4, true}});
  machine.driver.notify(0);
  terminal.type("abcdef");
  machine.host.run_posted();
  EXPECT_EQ(machine.driver.queue(0).take_used()->length, 4u);
  EXPECT_EQ(machine.driver.queue(0).take_used()->length, 2u);
  EXPECT_EQ(text_at(kBuffers, 4) + text_at(kBuffers + 16, 2), "abcdef");
}

TEST_P(ConsoleTest, InputWaitsForBuffers) {
  start(0);
  terminal.type("xyz");
  machine.host.run_posted();
  EXPECT_EQ(terminal.waiting(), 3u);
  machine.driver.queue(0).add({{kBuffers, 16, true}});
  machine.driver.notify(0);
  EXPECT_EQ(machine.driver.queue(0).take_used()->length, 3u);
}

TEST_P(ConsoleTest, OutputWaitsForRoom) {
  start(0);
  terminal.room = 3;
  transmit("hello");
  transmit("again");
  EXPECT_EQ(terminal.output, "hel");
  EXPECT_FALSE(machine.driver.queue(1).take_used());
  std::memcpy(machine.host.memory.data() + kBuffers + 0x1000, "hello", 5);
  terminal.drain(100);
  machine.host.run_posted();
  EXPECT_EQ(terminal.output, "hellohello") << "both chains have the same buffer";
  EXPECT_TRUE(machine.driver.queue(1).take_used());
  EXPECT_TRUE(machine.driver.queue(1).take_used());
}

TEST_P(ConsoleTest, LongOutputGoesInPieces) {
  start(0);
  std::string text(0x6000, 'x');
  text.back() = 'y';
  transmit(text);
  EXPECT_EQ(terminal.output, text);
}

TEST_P(ConsoleTest, PortsAreAnnouncedAndNamed) {  // 5.3.6.2
  start(console::kMultiport);
  EXPECT_EQ(machine.driver.read_config<std::uint32_t>(4), 2u);
  say(0xFFFF'FFFF, Event::kDeviceReady);
  EXPECT_EQ(hear(), (Message{0, Event::kDeviceAdd, ""}));
  EXPECT_EQ(hear(), (Message{1, Event::kDeviceAdd, ""}));
  say(0, Event::kPortReady);
  EXPECT_EQ(hear(), (Message{0, Event::kConsolePort, ""}));
  EXPECT_EQ(hear(), (Message{0, Event::kPortName, "tty"}));
  EXPECT_EQ(hear(), (Message{0, Event::kPortOpen, ""}));
  say(1, Event::kPortReady);
  EXPECT_EQ(hear(), (Message{1, Event::kPortName, "agent"}));
  EXPECT_EQ(hear(), (Message{1, Event::kPortOpen, ""}));
  EXPECT_FALSE(hear());
}

TEST_P(ConsoleTest, ChannelFlowsWhileItIsOpen) {
  start(console::kMultiport);
  machine.driver.queue(4).add({{kBuffers + 0x2000, 16, true}});
  machine.driver.notify(4);
  agent.type("ping");
  machine.host.run_posted();
  EXPECT_EQ(agent.waiting(), 4u) << "nobody has opened it";
  say(1, Event::kPortOpen);
  EXPECT_EQ(text_at(kBuffers + 0x2000, 4), "ping");
  transmit("pong", 5);
  EXPECT_EQ(agent.output, "pong");
  say(1, Event::kPortOpen, 0);
  machine.driver.queue(4).add({{kBuffers + 0x2000, 16, true}});
  agent.type("late");
  machine.host.run_posted();
  EXPECT_EQ(agent.waiting(), 4u);
}

TEST_P(ConsoleTest, ResizeIsTold) {  // 5.3.4, 5.3.6.2
  start(console::kMultiport | console::kSize);
  machine.driver.read_isr();
  const auto generation = machine.driver.get(CommonField::kConfigGeneration);
  machine.model.resize(132, 43);
  machine.host.run_posted();
  EXPECT_NE(machine.driver.get(CommonField::kConfigGeneration), generation);
  EXPECT_NE(machine.driver.read_isr() & kConfigurationInterrupt, 0);
  EXPECT_EQ(machine.driver.read_config<std::uint16_t>(0), 132);
  EXPECT_EQ(machine.driver.read_config<std::uint16_t>(2), 43);
  EXPECT_EQ(hear(), (Message{0, Event::kResize, std::string("\x84\0\x2B\0", 4)}));
}

TEST_P(ConsoleTest, MessagesWaitForBuffersWithoutPilingUp) {
  ASSERT_TRUE(machine.driver.start(GetParam().features | console::kMultiport, 16));
  for (unsigned i = 0; i < 100; ++i) say(0, Event::kDeviceReady);
  machine.driver.queue(2).add({{kBuffers + 0x4000, 64, true}});
  machine.driver.notify(2);
  EXPECT_EQ(hear(), (Message{0, Event::kDeviceAdd, ""}));
  EXPECT_FALSE(hear());
}

TEST_P(ConsoleTest, EmergencyWriteNeedsNoQueue) {  // 5.3.4
  machine.driver.write_config(8, Width::k32, 'E');
  EXPECT_EQ(terminal.output, "E");
}

TEST_P(ConsoleTest, BadMessagesAreIgnoredAndBadChainsNeedAReset) {
  start(console::kMultiport);
  say(99, Event::kPortReady);
  say(0, Event{77});
  EXPECT_FALSE(machine.needs_reset());
  machine.driver.queue(3).add({{kBuffers, 7}});
  machine.driver.notify(3);
  EXPECT_TRUE(machine.needs_reset());
}

TEST_P(ConsoleTest, HalfTransmittedChainSurvivesSaving) {
  start(0);
  terminal.room = 3;
  transmit("hello");
  FakeConsole other;
  FakeConsole other_agent;
  Machine<Console> fresh{ports(other, other_agent)};
  fresh.host.memory = machine.host.memory;
  expect_round_trip(machine.device, fresh.device);
  fresh.host.run_posted();
  EXPECT_EQ(other.output, "lo");
}

}  // namespace
}  // namespace orrery::testing
