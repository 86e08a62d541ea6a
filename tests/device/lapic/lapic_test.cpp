// The local APIC against SDM vol. 3A, chapter 11.
#include "device/lapic/lapic.hpp"

#include <deque>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::device::lapic {
namespace {

using testing::read32;
using testing::write32;

struct FakeConnection : Connection {
  struct Ipi {
    Shorthand shorthand;
    InterruptMessage message;
  };
  struct Signal {
    VcpuId core;
    CoreEvent event;
    std::uint8_t vector;
  };
  explicit FakeConnection(testing::FakeHost& h) : host(h) {}
  void send_ipi(LocalApic& /*from*/, Shorthand shorthand, const InterruptMessage& m) override {
    ipis.push_back({shorthand, m});
  }
  void broadcast_eoi(std::uint8_t vector) override { eois.push_back(vector); }
  void signal(VcpuId core, CoreEvent event, std::uint8_t vector) override {
    signals.push_back({core, event, vector});
  }
  std::uint8_t acknowledge_external() override { return 0x99; }
  // Two counts per nanosecond.
  std::uint64_t time_stamp() override { return static_cast<std::uint64_t>(host.now().value()) * 2; }
  Ticks when_time_stamp(std::uint64_t value) override {
    return Ticks(static_cast<std::int64_t>((value + 1) / 2));
  }
  testing::FakeHost& host;
  std::vector<Ipi> ipis;
  std::vector<std::uint8_t> eois;
  std::vector<Signal> signals;
};

class LocalApicTest : public ::testing::Test {
 protected:
  static std::uint64_t at(Register which) { return static_cast<std::uint64_t>(which) * 16; }
  std::uint32_t get(Register which) { return read32(apic, 0, at(which)); }
  void set(Register which, std::uint32_t value) { write32(apic, 0, at(which), value); }
  void enable() { set(Register::kSpuriousVector, 0x1ff); }
  void enable_x2() {
    ASSERT_TRUE(apic.write_msr(kMsrApicBase, kEnabled | apic_base::kX2Enable));
    ASSERT_TRUE(apic.write_msr(0x80f, 0x1ff));
  }
  void fixed(std::uint8_t vector, TriggerMode trigger = TriggerMode::kEdge) {
    apic.deliver({.destination = 3, .trigger = trigger, .vector = vector});
  }
  static constexpr std::uint64_t kEnabled = apic_base::kReset | apic_base::kEnable;

  testing::FakeHost host;
  FakeConnection connection{host};
  LocalApic apic{VcpuId(3), host, connection};
};

TEST_F(LocalApicTest, ResetValues) {  // 11.4.7.1
  EXPECT_EQ(get(Register::kId), 3u << 24);
  EXPECT_EQ(get(Register::kVersion), 0x0005'0014u);
  EXPECT_EQ(get(Register::kSpuriousVector), 0xffu);
  EXPECT_EQ(get(Register::kDestinationFormat), 0xffff'ffffu);
  EXPECT_EQ(get(Register::kLvtTimer), 0x1'0000u);
  EXPECT_EQ(apic.read_msr(kMsrApicBase), kEnabled);
  EXPECT_EQ(apic.base_address(), GuestPhysical(0xfee0'0000));
}

TEST_F(LocalApicTest, SoftwareDisabledTakesNothing) {  // 11.4.7.2
  fixed(0x40);
  EXPECT_FALSE(apic.pending());
  set(Register::kLvtTimer, 0x30);
  EXPECT_EQ(get(Register::kLvtTimer), 0x1'0030u);
}

TEST_F(LocalApicTest, ServesByPriorityAndNests) {  // 11.8.3, 11.8.4
  enable();
  fixed(0x41);
  fixed(0x52);
  ASSERT_TRUE(apic.pending());
  EXPECT_EQ(apic.acknowledge(), 0x52);
  EXPECT_FALSE(apic.pending());
  EXPECT_EQ(get(Register::kProcessorPriority), 0x50u);
  fixed(0x61);
  EXPECT_EQ(apic.acknowledge(), 0x61);
  set(Register::kEoi, 0);
  EXPECT_EQ(get(Register::kProcessorPriority), 0x50u);
  set(Register::kEoi, 0);
  EXPECT_EQ(apic.acknowledge(), 0x41);
  EXPECT_TRUE(connection.eois.empty());
}

TEST_F(LocalApicTest, TaskPriorityHoldsBack) {
  enable();
  apic.set_task_priority(5);
  EXPECT_EQ(get(Register::kTaskPriority), 0x50u);
  fixed(0x5f);
  EXPECT_FALSE(apic.pending());
  fixed(0x60);
  EXPECT_TRUE(apic.pending());
  apic.set_task_priority(6);
  EXPECT_FALSE(apic.pending());
  EXPECT_EQ(apic.acknowledge(), std::nullopt);
}

TEST_F(LocalApicTest, LevelTriggeredBroadcastsItsEnd) {  // 11.8.5
  enable();
  fixed(0x70, TriggerMode::kLevel);
  EXPECT_EQ(apic.acknowledge(), 0x70);
  set(Register::kEoi, 0);
  EXPECT_EQ(connection.eois, std::vector<std::uint8_t>{0x70});
}

TEST_F(LocalApicTest, Destinations) {  // 11.6.2
  EXPECT_TRUE(apic.accepts({.destination = 3}));
  EXPECT_FALSE(apic.accepts({.destination = 2}));
  EXPECT_TRUE(apic.accepts({.destination = 0xff}));
  const auto logical = [this](std::uint32_t d) {
    return apic.accepts({.destination = d, .destination_mode = DestinationMode::kLogical});
  };
  set(Register::kLogicalDestination, 0x0800'0000);
  EXPECT_TRUE(logical(0x0f));
  EXPECT_FALSE(logical(0x07));
  set(Register::kDestinationFormat, 0x0fff'ffff);  // cluster model
  set(Register::kLogicalDestination, 0x2400'0000);
  EXPECT_TRUE(logical(0x2c));
  EXPECT_FALSE(logical(0x1c));
  EXPECT_FALSE(logical(0x28));
}

TEST_F(LocalApicTest, SendsIpis) {  // 11.6.1
  enable();
  set(Register::kInterruptCommandHigh, 0x0200'0000);
  set(Register::kInterruptCommand, 0x0000'40fd);
  set(Register::kInterruptCommand, 0x000c'4500);  // INIT to all but self
  set(Register::kInterruptCommand, 0x000c'8500);  // INIT level de-assert: nothing
  set(Register::kInterruptCommand, 0x0000'4608);  // start-up
  ASSERT_EQ(connection.ipis.size(), 3u);
  EXPECT_EQ(connection.ipis[0].message.destination, 2u);
  EXPECT_EQ(connection.ipis[0].message.vector, 0xfd);
  EXPECT_EQ(connection.ipis[1].shorthand, Shorthand::kAllButSelf);
  EXPECT_EQ(connection.ipis[1].message.delivery, DeliveryMode::kInit);
  EXPECT_EQ(connection.ipis[2].message.delivery, DeliveryMode::kStartup);
}

TEST_F(LocalApicTest, IllegalVectorsAreErrors) {  // 11.5.3
  enable();
  set(Register::kLvtError, 0x33);
  set(Register::kInterruptCommand, 0x4005);
  EXPECT_EQ(apic.acknowledge(), 0x33);
  EXPECT_EQ(get(Register::kErrorStatus), 0u);
  set(Register::kErrorStatus, 0);
  EXPECT_EQ(get(Register::kErrorStatus), 0x20u);
  fixed(0x05);
  set(Register::kErrorStatus, 0);
  EXPECT_EQ(get(Register::kErrorStatus), 0x40u);
}

TEST_F(LocalApicTest, CoreEventsPassTheDisabledApic) {
  apic.deliver({.delivery = DeliveryMode::kNmi});
  apic.deliver({.delivery = DeliveryMode::kInit});
  apic.deliver({.delivery = DeliveryMode::kStartup, .vector = 0x9a});
  ASSERT_EQ(connection.signals.size(), 3u);
  EXPECT_EQ(connection.signals[1].event, CoreEvent::kInit);
  EXPECT_EQ(connection.signals[2].vector, 0x9a);
}

TEST_F(LocalApicTest, VirtualWire) {  // MP specification 3.6.2.2
  apic.set_lint0(true);
  EXPECT_FALSE(apic.pending());
  apic.enter_virtual_wire_mode();
  ASSERT_TRUE(apic.pending());
  EXPECT_EQ(apic.acknowledge(), 0x99);
  apic.set_lint0(false);
  EXPECT_FALSE(apic.pending());
}

TEST_F(LocalApicTest, DisabledApicPassesThe8259) {  // 11.4.3
  ASSERT_TRUE(apic.write_msr(kMsrApicBase, apic_base::kReset));
  EXPECT_EQ(apic.base_address(), std::nullopt);
  apic.set_lint0(true);
  EXPECT_EQ(apic.acknowledge(), 0x99);
}

TEST_F(LocalApicTest, OneShotTimer) {  // 11.5.4
  enable();
  set(Register::kDivideConfiguration, 0x3);  // by 16
  set(Register::kLvtTimer, 0x31);
  set(Register::kInitialCount, 1000);
  host.advance(Ticks(4000));
  EXPECT_EQ(get(Register::kCurrentCount), 750u);
  host.advance(Ticks(11'999));
  EXPECT_FALSE(apic.pending());
  host.advance(Ticks(1));
  EXPECT_EQ(apic.acknowledge(), 0x31);
  EXPECT_EQ(get(Register::kCurrentCount), 0u);
  host.advance(Ticks(1'000'000));
  set(Register::kEoi, 0);
  EXPECT_FALSE(apic.pending());
}

TEST_F(LocalApicTest, PeriodicTimer) {
  enable();
  set(Register::kDivideConfiguration, 0xb);  // by 1
  set(Register::kLvtTimer, 0x2'0031);
  set(Register::kInitialCount, 100'000);
  for (int i = 0; i < 5; ++i) {
    host.advance(Ticks(100'000));
    EXPECT_EQ(apic.acknowledge(), 0x31) << i;
    set(Register::kEoi, 0);
  }
  host.advance(Ticks(30'000));
  EXPECT_EQ(get(Register::kCurrentCount), 70'000u);
}

TEST_F(LocalApicTest, TooShortAPeriodDoesNotStopTheHost) {
  enable();
  set(Register::kDivideConfiguration, 0xb);
  set(Register::kLvtTimer, 0x2'0031);
  set(Register::kInitialCount, 1);
  host.advance(Ticks(1));
  ASSERT_TRUE(apic.pending());
  EXPECT_GE(*host.next_deadline() - host.now(), 10'000);
}

TEST_F(LocalApicTest, TscDeadline) {  // 11.5.4.1
  enable();
  ASSERT_TRUE(apic.write_msr(kMsrTscDeadline, 5000));
  EXPECT_EQ(apic.read_msr(kMsrTscDeadline), 0u);  // other modes ignore it
  set(Register::kLvtTimer, 0x4'0031);
  ASSERT_TRUE(apic.write_msr(kMsrTscDeadline, 5000));
  EXPECT_EQ(apic.read_msr(kMsrTscDeadline), 5000u);
  host.advance(Ticks(2499));
  EXPECT_FALSE(apic.pending());
  host.advance(Ticks(1));
  EXPECT_TRUE(apic.pending());
  EXPECT_EQ(apic.read_msr(kMsrTscDeadline), 0u);
}

TEST_F(LocalApicTest, MaskedTimerIsSilent) {
  enable();
  set(Register::kInitialCount, 10);
  host.advance(Ticks(1000));
  EXPECT_FALSE(apic.pending());
}

TEST_F(LocalApicTest, ModeTransitions) {  // 11.12.5
  constexpr std::uint64_t kX2 = apic_base::kX2Enable;
  EXPECT_EQ(apic.read_msr(0x802), std::nullopt);
  EXPECT_FALSE(apic.write_msr(kMsrApicBase, apic_base::kReset | kX2));  // disabled and extended
  EXPECT_FALSE(apic.write_msr(kMsrApicBase, kEnabled | 1));             // reserved
  EXPECT_TRUE(apic.write_msr(kMsrApicBase, kEnabled | kX2));
  EXPECT_EQ(apic.base_address(), std::nullopt);
  EXPECT_FALSE(apic.write_msr(kMsrApicBase, kEnabled));  // back to xAPIC
  EXPECT_TRUE(apic.write_msr(kMsrApicBase, apic_base::kReset));
  EXPECT_FALSE(apic.write_msr(kMsrApicBase, kEnabled | kX2));  // must pass xAPIC mode
  EXPECT_TRUE(apic.write_msr(kMsrApicBase, kEnabled));
}

TEST_F(LocalApicTest, X2Registers) {  // table 11-6
  enable_x2();
  EXPECT_EQ(apic.read_msr(0x802), 3u);
  EXPECT_EQ(apic.read_msr(0x80d), 8u);
  EXPECT_EQ(apic.read_msr(0x80b), std::nullopt);
  EXPECT_EQ(apic.read_msr(0x80e), std::nullopt);
  EXPECT_EQ(apic.read_msr(0x831), std::nullopt);
  EXPECT_FALSE(apic.write_msr(0x80b, 1));
  EXPECT_FALSE(apic.write_msr(0x802, 1));
  EXPECT_FALSE(apic.write_msr(0x808, 0x100));
  EXPECT_TRUE(apic.write_msr(0x83f, 0x44));
  EXPECT_EQ(apic.acknowledge(), 0x44);
  EXPECT_TRUE(apic.write_msr(0x80b, 0));
  EXPECT_TRUE(apic.write_msr(0x830, 0x0000'0105'0000'4831));
  ASSERT_EQ(connection.ipis.size(), 1u);
  EXPECT_EQ(connection.ipis[0].message.destination, 0x105u);
  EXPECT_TRUE(apic.accepts({.destination = 0xffff'ffff, .wide = true}));
  EXPECT_TRUE(apic.accepts(
      {.destination = 0xc, .destination_mode = DestinationMode::kLogical, .wide = true}));
}

TEST_F(LocalApicTest, InitKeepsIdAndMode) {  // 11.4.7.3
  enable_x2();
  fixed(0x50);
  apic.initialize();
  EXPECT_FALSE(apic.pending());
  EXPECT_EQ(apic.read_msr(kMsrApicBase), kEnabled | apic_base::kX2Enable);
}

TEST_F(LocalApicTest, SaveRestore) {
  enable();
  fixed(0x41, TriggerMode::kLevel);
  fixed(0x52);
  apic.acknowledge();
  set(Register::kLvtTimer, 0x2'0031);
  set(Register::kInitialCount, 100'000);
  testing::FakeHost other_host;
  FakeConnection other_connection(other_host);
  LocalApic other(VcpuId(3), other_host, other_connection);
  testing::expect_round_trip(apic, other);
  EXPECT_TRUE(other_host.next_deadline().has_value());
}

}  // namespace
}  // namespace orrery::device::lapic
