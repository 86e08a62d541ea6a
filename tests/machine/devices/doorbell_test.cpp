// Posted writes of a PCI function on a hypervisor that has doorbells: they follow the BAR.
#include "machine/devices/doorbell.hpp"

#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "device/pci/function.hpp"
#include "machine/machine.hpp"
#include "machine/scripted_vm.hpp"
#include "support/fake_ports.hpp"

namespace orrery::machine {
namespace {

constexpr std::uint64_t kBellOffset = 0x10;

class BellFunction : public device::pci::Function {
 public:
  BellFunction(device::Host& host, unsigned& rung) : Function(host, {.vendor = 1, .device = 2}) {
    add_bar(0, device::pci::BarKind::kMemory32, 4096);
    host.allow_posted_write(0, kBellOffset, [&rung] { ++rung; });
    seal();
  }
  std::string_view name() const override { return "bell"; }
  device::State save() const override { return {}; }
  Result<> restore(const device::State&) override { return {}; }

 private:
  std::uint64_t read_bar(unsigned, std::uint64_t, Width) override { return 0; }
  void write_bar(unsigned, std::uint64_t, Width, std::uint64_t) override {}
};

// Keeps what is connected where.
class FakeDoorbells : public hypervisor::Doorbells {
 public:
  Result<> connect(GuestPhysical address, int descriptor) override {
    if (connected.contains(address.value())) return fail("two doorbells at one place");
    connected[address.value()] = descriptor;
    return {};
  }
  Result<> disconnect(GuestPhysical address, int descriptor) override {
    EXPECT_EQ(connected[address.value()], descriptor);
    connected.erase(address.value());
    return {};
  }
  std::map<std::uint64_t, int> connected;
};

class StillClock : public port::Clock {
 public:
  Ticks monotonic() override { return Ticks(1); }
  Ticks wall() override { return Ticks(1); }
};

class DoorbellTest : public ::testing::Test {
 protected:
  DoorbellTest() {
    machine = std::move(*Machine::create(
        {},
        [&](memory::GuestMemory&) -> Result<std::unique_ptr<hypervisor::Vm>> {
          auto vm = std::make_unique<testing::ScriptedVm>(
              [](testing::ScriptedVcpu& vcpu) -> hypervisor::Exit {
                // Moves BAR 0 of slot 2, then ends.
                auto& bus = vcpu.environment;
                bus.port_write(0xcf8, Width::k32, 0x8000'1010);
                bus.port_write(0xcfc, Width::k32, 0xd000'0000);
                return hypervisor::TripleFault{"enough"};
              });
          vm->bells = &bells;
          return vm;
        },
        *loop, clock));
    EXPECT_TRUE(machine->add_pci_function(
        [&](device::Host& host) -> Result<std::unique_ptr<device::pci::Function>> {
          return std::make_unique<BellFunction>(host, rung);
        }));
  }
  ~DoorbellTest() override {
    machine.reset();
    EXPECT_TRUE(bells.connected.empty());
    loop->poll();
  }
  void ring() {
    ASSERT_EQ(bells.connected.size(), 1u);
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(bells.connected.begin()->second, &one, sizeof one), 8);
    loop->poll();
  }

  StillClock clock;
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create());
  FakeDoorbells bells;
  unsigned rung = 0;
  std::unique_ptr<Machine> machine;
};

TEST_F(DoorbellTest, RingsWhereTheBarIs) {
  EXPECT_TRUE(bells.connected.empty());  // the BAR answers nowhere yet
  ASSERT_TRUE(machine->write_firmware_tables());
  loop->poll();
  ASSERT_EQ(bells.connected.size(), 1u);
  EXPECT_EQ(bells.connected.begin()->first % 4096, kBellOffset);
  ring();
  EXPECT_EQ(rung, 1u);
}

TEST_F(DoorbellTest, FollowsTheBar) {
  ASSERT_TRUE(machine->write_firmware_tables());
  machine->run();
  loop->poll();
  ASSERT_EQ(bells.connected.size(), 1u);
  EXPECT_EQ(bells.connected.begin()->first, 0xd000'0000 + kBellOffset);
  ring();
  EXPECT_EQ(rung, 1u);
  ASSERT_TRUE(machine->reset());
  EXPECT_TRUE(bells.connected.empty());
}

}  // namespace
}  // namespace orrery::machine
