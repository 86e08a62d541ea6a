// The machine's run loop with vCPUs that execute C++ functions (scripted_vm.hpp).
#include "machine/machine.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/loop/event_loop.hpp"
#include "device/lapic/registers.hpp"
#include "machine/scripted_vm.hpp"
#include "support/fake_host.hpp"

namespace orrery::machine {
namespace {

using hypervisor::Exit;
using testing::Script;
using testing::ScriptedVcpu;

// The host's clock.
class SteadyClock : public port::Clock {
 public:
  Ticks monotonic() override {
    return Ticks(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  Ticks wall() override { return Ticks(1'700'000'000'000'000'000); }
};

class MachineTest : public ::testing::Test {
 protected:
  ~MachineTest() override {
    end_loop();
    machine.reset();
  }
  // No machine is destroyed while the loop runs on another thread.
  void end_loop() {
    loop->stop();
    if (loop_thread.joinable()) loop_thread.join();
  }
  void make(Script script, Configuration configuration = {}) {
    auto made = Machine::create(
        configuration,
        [&](memory::GuestMemory&) -> Result<std::unique_ptr<hypervisor::Vm>> {
          return std::make_unique<testing::ScriptedVm>(std::move(script));
        },
        *loop, clock);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    machine = std::move(*made);
    loop_thread = std::thread([this] { loop->run(); });
  }
  template <typename Kind>
  static bool is(const Ending& ending) {
    return std::holds_alternative<Kind>(ending);
  }

  SteadyClock clock;
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create());
  std::unique_ptr<Machine> machine;
  std::thread loop_thread;
};

void out8(ScriptedVcpu& vcpu, std::uint16_t port, std::uint8_t value) {
  vcpu.environment.port_write(port, Width::k8, value);
}

TEST_F(MachineTest, RefusesImpossibleConfigurations) {
  const auto create = [this](Configuration configuration) {
    return Machine::create(
               configuration,
               [](memory::GuestMemory&) -> Result<std::unique_ptr<hypervisor::Vm>> {
                 return fail("not reached");
               },
               *loop, clock)
        .error()
        .message();
  };
  EXPECT_NE(create({.vcpus = 0}).find("1 to 16"), std::string::npos);
  EXPECT_NE(create({.vcpus = 17}).find("1 to 16"), std::string::npos);
  EXPECT_NE(create({.memory_size = Bytes(4097)}).find("4 KiB"), std::string::npos);
}

TEST_F(MachineTest, PowersOffByAcpi) {
  make([](ScriptedVcpu& vcpu) -> Exit {
    vcpu.environment.port_write(0x604, Width::k16, 5u << 10 | 1u << 13);
    return vcpu.spin();
  });
  EXPECT_TRUE(is<PowerOff>(machine->run()));
}

TEST_F(MachineTest, EveryWayToReset) {
  struct Way {
    std::uint16_t port;
    std::uint8_t value;
  };
  for (const Way way : {Way{0xcf9, 0x06}, Way{0x64, 0xfe}, Way{0x92, 0x01}}) {
    std::atomic<int> started = 0;
    make([&, way](ScriptedVcpu& vcpu) -> Exit {
      ++started;
      out8(vcpu, way.port, way.value);
      return vcpu.spin();
    });
    EXPECT_TRUE(is<Reset>(machine->run())) << way.port;
    ASSERT_TRUE(machine->reset().has_value());
    EXPECT_TRUE(is<Reset>(machine->run())) << way.port << " after a reset";
    loop->stop();
    loop_thread.join();
    machine.reset();
  }
}

TEST_F(MachineTest, DebugExit) {
  make(
      [](ScriptedVcpu& vcpu) -> Exit {
        out8(vcpu, 0xf4, 0x10);
        return vcpu.spin();
      },
      {.debug_exit = true});
  const Ending ending = machine->run();
  ASSERT_TRUE(is<DebugExit>(ending));
  EXPECT_EQ(std::get<DebugExit>(ending).exit_status(), 0x21);
}

TEST_F(MachineTest, TripleFaultIsReportedWithRegisters) {
  make([](ScriptedVcpu&) -> Exit { return hypervisor::TripleFault{"no IDT"}; });
  const Ending ending = machine->run();
  ASSERT_TRUE(is<TripleFault>(ending));
  EXPECT_EQ(std::get<TripleFault>(ending).reason, "no IDT");
  EXPECT_NE(std::get<TripleFault>(ending).registers.find("RIP 000000000000fff0"),
            std::string::npos);
}

TEST_F(MachineTest, TripleFaultResetsAPcThatIsConfiguredSo) {
  make([](ScriptedVcpu&) -> Exit { return hypervisor::TripleFault{"no IDT"}; },
       {.reset_on_triple_fault = true});
  EXPECT_TRUE(is<Reset>(machine->run()));
}

TEST_F(MachineTest, StopsAndGoesOn) {
  std::atomic<int> rounds = 0;
  make([&](ScriptedVcpu& vcpu) -> Exit {
    ++rounds;
    return vcpu.spin();
  });
  std::thread stopper([this] { machine->request_stop(); });
  // The first request may come before run(), and is then for nobody; or it may end run() before the
  // vCPU's first round.
  std::atomic<bool> ended = false;
  std::thread again([this, &rounds, &ended] {
    while (rounds == 0 && !ended) std::this_thread::yield();
    machine->request_stop();
  });
  EXPECT_TRUE(is<StopRequested>(machine->run()));
  ended = true;
  stopper.join();
  again.join();
  const int before = rounds;
  std::thread last([this, &rounds, before] {
    while (rounds == before) std::this_thread::yield();
    machine->request_stop();
  });
  EXPECT_TRUE(is<StopRequested>(machine->run()));
  last.join();
}

TEST_F(MachineTest, PauseStopsTheClock) {
  std::atomic<std::uint64_t> stamp = 0;
  make([&](ScriptedVcpu& vcpu) -> Exit {
    stamp = vcpu.environment.time_stamp();
    return vcpu.spin();
  });
  std::thread runner([this] { EXPECT_TRUE(is<StopRequested>(machine->run())); });
  while (stamp == 0) std::this_thread::yield();
  machine->pause();
  machine->pause();
  const auto saved = machine->save();
  ASSERT_TRUE(saved.has_value());
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const auto later = machine->save();
  EXPECT_EQ((*saved)["time"], (*later)["time"]);
  machine->resume();
  machine->resume();
  machine->request_stop();
  runner.join();
}

// Programs the PIT, halts, and is woken through 8259, LINT0 and ExtINT.
TEST_F(MachineTest, TimerInterruptWakesAHaltedVcpu) {
  bool programmed = false;
  make([&](ScriptedVcpu& vcpu) -> Exit {
    if (!programmed) {
      programmed = true;
      for (const auto& [port, value] : {std::pair{0x20, 0x11},
                                        {0x21, 0x20},
                                        {0x21, 0x04},
                                        {0x21, 0x01},
                                        {0x43, 0x30},
                                        {0x40, 0x00},
                                        {0x40, 0x04}}) {
        out8(vcpu, static_cast<std::uint16_t>(port), static_cast<std::uint8_t>(value));
      }
    }
    if (!vcpu.environment.interrupt_pending()) return vcpu.halt();
    EXPECT_EQ(vcpu.environment.acknowledge_interrupt(), 0x20);
    vcpu.environment.port_write(0x604, Width::k16, 5u << 10 | 1u << 13);
    return vcpu.spin();
  });
  ASSERT_TRUE(machine->write_firmware_tables().has_value());
  EXPECT_TRUE(is<PowerOff>(machine->run()));
}

TEST_F(MachineTest, StartupIpiStartsAnotherVcpu) {
  std::atomic<bool> sent = false;
  make(
      [&](ScriptedVcpu& vcpu) -> Exit {
        if (vcpu.id == VcpuId(0)) {
          if (sent.exchange(true)) return vcpu.spin();
          const auto ipi = [&](std::uint32_t command) {
            vcpu.environment.memory_write(GuestPhysical(0xfee0'0310), Width::k32, 1u << 24);
            vcpu.environment.memory_write(GuestPhysical(0xfee0'0300), Width::k32, command);
          };
          ipi(0x4500);  // INIT
          ipi(0x4608);  // start at 8000h
          ipi(0x4609);  // the second one is ignored, or taken instead of the first
          return vcpu.spin();
        }
        const auto state = vcpu.state();
        EXPECT_TRUE(state->segments[1].base == 0x8000 || state->segments[1].base == 0x9000);
        EXPECT_EQ(vcpu.environment.memory_read(GuestPhysical(0xfee0'0020), Width::k32), 1u << 24);
        vcpu.environment.port_write(0x604, Width::k16, 5u << 10 | 1u << 13);
        return vcpu.spin();
      },
      {.vcpus = 2});
  EXPECT_TRUE(is<PowerOff>(machine->run()));
}

TEST_F(MachineTest, PowerButtonRaisesTheSciStatus) {
  make([&](ScriptedVcpu& vcpu) -> Exit {
    while (vcpu.environment.port_read(0x600, Width::k16) == 0) std::this_thread::yield();
    EXPECT_EQ(vcpu.environment.port_read(0x600, Width::k16), 0x100u);
    vcpu.environment.port_write(0x604, Width::k16, 5u << 10 | 1u << 13);
    return vcpu.spin();
  });
  machine->request_power_button();
  EXPECT_TRUE(is<PowerOff>(machine->run()));
}

TEST_F(MachineTest, SerialPortReachesItsConsole) {
  testing::FakeConsole console;
  make([](ScriptedVcpu& vcpu) -> Exit {
    for (const char c : std::string("hello")) out8(vcpu, 0x3f8, static_cast<std::uint8_t>(c));
    vcpu.environment.port_write(0x604, Width::k16, 5u << 10 | 1u << 13);
    return vcpu.spin();
  });
  machine->attach_console(0, console);
  EXPECT_TRUE(is<PowerOff>(machine->run()));
  EXPECT_EQ(console.output, "hello");
}

TEST_F(MachineTest, ShowsAClassicPcOnThePciBus) {
  std::vector<std::uint32_t> ids;
  make([&](ScriptedVcpu& vcpu) -> Exit {
    for (const std::uint32_t address : {0x8000'0000u, 0x8000'0800u, 0x8000'0b00u, 0x8000'1000u}) {
      vcpu.environment.port_write(0xcf8, Width::k32, address);
      ids.push_back(static_cast<std::uint32_t>(vcpu.environment.port_read(0xcfc, Width::k32)));
    }
    vcpu.environment.port_write(0x604, Width::k16, 5u << 10 | 1u << 13);
    return vcpu.spin();
  });
  machine->run();
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{0x1237'8086, 0x7000'8086, 0x7113'8086, 0xffff'ffff}));
}

TEST_F(MachineTest, SaveAndRestore) {
  make(
      [](ScriptedVcpu& vcpu) -> Exit {
        out8(vcpu, 0x3ff, 0x5a);  // scratch of the first UART
        vcpu.environment.memory_write(GuestPhysical(0xfee0'00f0), Width::k32, 0x1ff);
        return hypervisor::TripleFault{"enough"};
      },
      {.vcpus = 2});
  machine->run();
  auto saved = machine->save();
  ASSERT_TRUE(saved.has_value()) << saved.error().message();
  end_loop();

  auto other = Machine::create(
      {.vcpus = 2},
      [](memory::GuestMemory&) -> Result<std::unique_ptr<hypervisor::Vm>> {
        return std::make_unique<testing::ScriptedVm>([](ScriptedVcpu& v) { return v.spin(); });
      },
      *loop, clock);
  ASSERT_TRUE(other.has_value());
  const auto restored = (*other)->restore(*saved);
  ASSERT_TRUE(restored.has_value()) << restored.error().message();
  EXPECT_EQ(*(*other)->save(), *saved);
  for (const auto& field : saved->items()) {
    device::State broken = *saved;
    broken.erase(field.key());
    EXPECT_FALSE((*other)->restore(broken).has_value()) << "accepted without " << field.key();
  }
  for (const std::int64_t time : {std::int64_t{-1}, INT64_MAX}) {
    device::State broken = *saved;
    broken["time"] = time;
    EXPECT_FALSE((*other)->restore(broken).has_value()) << time;
  }
}

}  // namespace
}  // namespace orrery::machine
