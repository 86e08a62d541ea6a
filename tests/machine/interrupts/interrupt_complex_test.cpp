// Interrupts from devices to vCPUs and between them.
#include "machine/interrupts/interrupt_complex.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/loop/event_loop.hpp"
#include "machine/time/timers.hpp"
#include "support/fake_host.hpp"

namespace orrery::machine {
namespace {

struct FakeTarget : InterruptTarget {
  int raised = 0;
  int nmis = 0;
  int inits = 0;
  int startup_vector = -1;
  void interrupt_raised() override { ++raised; }
  void nmi() override { ++nmis; }
  void init() override { ++inits; }
  void startup(std::uint8_t vector) override { startup_vector = vector; }
};

class InterruptComplexTest : public ::testing::Test {
 protected:
  static constexpr unsigned kVcpus = 3;

  InterruptComplexTest() {
    for (unsigned i = 0; i < kVcpus; ++i) {
      complex.set_target(VcpuId(i), targets[i]);
      write(i, 0xf0, 0x1ff);
    }
  }
  void write(unsigned vcpu, std::uint64_t offset, std::uint32_t value) {
    complex.write(VcpuId(vcpu), GuestPhysical(0xfee0'0000 + offset), Width::k32, value);
  }
  void program_pin(unsigned pin, std::uint32_t low, std::uint32_t high) {
    const std::lock_guard lock(complex.lock());
    complex.ioapic().write(0, 0x00, Width::k32, 0x11 + 2 * pin);
    complex.ioapic().write(0, 0x10, Width::k32, high);
    complex.ioapic().write(0, 0x00, Width::k32, 0x10 + 2 * pin);
    complex.ioapic().write(0, 0x10, Width::k32, low);
  }

  testing::FakeClock source;
  MachineClock clock{source};
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create());
  Timers timers{clock, *loop};
  std::unique_ptr<memory::GuestMemory> memory =
      std::move(*memory::GuestMemory::create({{.start = GuestPhysical(0), .size = Bytes(4096)}}));
  HostServices services{*memory, clock, timers, *loop, {}, {}};
  TimeStamp time_stamp{1'000'000'000};
  FakeTarget targets[kVcpus];
  InterruptComplex complex{services, time_stamp, kVcpus};
};

TEST_F(InterruptComplexTest, PinsReachTheirVcpu) {
  program_pin(4, 0x31, 1u << 24);
  complex.set_irq(4, true);
  EXPECT_TRUE(complex.pending(VcpuId(1)));
  EXPECT_FALSE(complex.pending(VcpuId(0)));
  EXPECT_EQ(targets[1].raised, 1);
  EXPECT_EQ(complex.acknowledge(VcpuId(1)), 0x31);
  EXPECT_FALSE(complex.pending(VcpuId(1)));
}

TEST_F(InterruptComplexTest, TimerIrqIsWiredToPin2) {
  program_pin(2, 0x30, 0);
  complex.set_irq(0, true);
  EXPECT_EQ(complex.acknowledge(VcpuId(0)), 0x30);
}

TEST_F(InterruptComplexTest, LevelInterruptComesAgainAfterItsEnd) {
  program_pin(10, 0x8041, 0);
  complex.set_irq(10, true);
  EXPECT_EQ(complex.acknowledge(VcpuId(0)), 0x41);
  EXPECT_FALSE(complex.pending(VcpuId(0)));
  write(0, 0xb0, 0);
  EXPECT_TRUE(complex.pending(VcpuId(0)));
  EXPECT_EQ(complex.acknowledge(VcpuId(0)), 0x41);
  complex.set_irq(10, false);
  write(0, 0xb0, 0);
  EXPECT_FALSE(complex.pending(VcpuId(0)));
}

TEST_F(InterruptComplexTest, MsiAndItsWindow) {
  complex.send_msi(0xfee0'2000, 0x55);
  EXPECT_EQ(complex.acknowledge(VcpuId(2)), 0x55);
  complex.send_msi(0x1000, 0x56);
  complex.send_msi(0x1'fee0'2000, 0x56);
  EXPECT_FALSE(complex.pending(VcpuId(2)));
}

TEST_F(InterruptComplexTest, LowestPriorityGoesToTheLeastBusy) {
  complex.set_task_priority(VcpuId(0), 4);
  complex.set_task_priority(VcpuId(1), 3);
  complex.set_task_priority(VcpuId(2), 4);
  complex.send_msi(0xfeef'f000, 0x0155);
  EXPECT_TRUE(complex.pending(VcpuId(1)));
}

TEST_F(InterruptComplexTest, LowestPriorityTakesTurnsAmongEquals) {
  for (int i = 0; i < 3; ++i) complex.send_msi(0xfeef'f000, 0x0155);
  for (unsigned i = 0; i < kVcpus; ++i) EXPECT_TRUE(complex.pending(VcpuId(i))) << i;
}

TEST_F(InterruptComplexTest, Shorthands) {
  write(1, 0x300, 0x4'4061);  // self
  EXPECT_TRUE(complex.pending(VcpuId(1)));
  EXPECT_FALSE(complex.pending(VcpuId(0)));
  write(0, 0x300, 0xc'4062);  // all but self
  EXPECT_FALSE(complex.pending(VcpuId(0)));
  EXPECT_TRUE(complex.pending(VcpuId(2)));
  write(2, 0x300, 0x8'4400);  // NMI to all
  for (const FakeTarget& target : targets) EXPECT_EQ(target.nmis, 1);
}

TEST_F(InterruptComplexTest, InitAndStartup) {
  write(0, 0x310, 2u << 24);
  write(0, 0x300, 0x4500);
  write(0, 0x300, 0x469a);
  EXPECT_EQ(targets[2].inits, 1);
  EXPECT_EQ(targets[2].startup_vector, 0x9a);
  EXPECT_EQ(targets[1].inits, 0);
}

TEST_F(InterruptComplexTest, The8259ReachesTheFirstVcpuByVirtualWire) {
  complex.reset();
  complex.prepare_for_boot();
  {
    const std::lock_guard lock(complex.lock());
    for (const auto& [offset, value] : {std::pair{0, 0x11}, {1, 0x20}, {1, 0x04}, {1, 0x01}}) {
      complex.pic().write(0, static_cast<std::uint64_t>(offset), Width::k8,
                          static_cast<std::uint64_t>(value));
    }
  }
  complex.set_irq(1, true);
  EXPECT_TRUE(complex.pending(VcpuId(0)));
  EXPECT_FALSE(complex.pending(VcpuId(1)));
  EXPECT_EQ(complex.acknowledge(VcpuId(0)), 0x21);
}

TEST_F(InterruptComplexTest, ApicPageFollowsItsBase) {
  EXPECT_TRUE(complex.claims(VcpuId(1), GuestPhysical(0xfee0'0ff0)));
  ASSERT_TRUE(complex.write_msr(VcpuId(1), 0x1b, 0xfed0'0800));
  EXPECT_FALSE(complex.claims(VcpuId(1), GuestPhysical(0xfee0'0000)));
  EXPECT_TRUE(complex.claims(VcpuId(1), GuestPhysical(0xfed0'0000)));
  EXPECT_TRUE(complex.claims(VcpuId(0), GuestPhysical(0xfee0'0000)));
}

TEST_F(InterruptComplexTest, SaveRestore) {
  program_pin(10, 0x8041, 0);
  complex.set_irq(10, true);
  const auto saved = complex.save();
  InterruptComplex other(services, time_stamp, kVcpus);
  ASSERT_TRUE(other.restore(saved).has_value());
  EXPECT_EQ(other.save(), saved);
  EXPECT_EQ(other.acknowledge(VcpuId(0)), 0x41);
  InterruptComplex smaller(services, time_stamp, 1);
  EXPECT_FALSE(smaller.restore(saved).has_value());
}

}  // namespace
}  // namespace orrery::machine
