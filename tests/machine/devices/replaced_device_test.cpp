// Devices that stand in the place of a PC's own, and make a vCPU wait.
#include <atomic>
#include <condition_variable>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/loop/event_loop.hpp"
#include "machine/machine.hpp"
#include "machine/ports.hpp"
#include "machine/scripted_vm.hpp"
#include "support/steady_clock.hpp"

namespace orrery::machine {
namespace {

using hypervisor::Exit;
using std::chrono::milliseconds;
using testing::ScriptedVcpu;

// Reads wait until they may go on.
class WaitingDevice final : public device::Device {
 public:
  explicit WaitingDevice(device::Host& host) : host_(host) {}

  std::string_view name() const override { return "waiting"; }
  std::uint64_t read(unsigned /*region*/, std::uint64_t offset, Width /*width*/) override {
    std::unique_lock lock(host_.device_lock(), std::adopt_lock);
    waits = true;
    changed_.wait(lock, [this] { return go_; });
    waits = false;
    lock.release();
    return 0x50 + offset;
  }
  void write(unsigned /*region*/, std::uint64_t offset, Width /*width*/,
             std::uint64_t value) override {
    written = offset << 8 | value;
  }
  void reset() override { go_ = false; }
  device::State save() const override { return {{"written", written.load()}}; }
  Result<> restore(const device::State& /*state*/) override { return {}; }

  void go() {
    {
      const std::lock_guard lock(host_.device_lock());
      go_ = true;
    }
    changed_.notify_all();
  }
  std::atomic<bool> waits = false;
  std::atomic<std::uint64_t> written = 0;

 private:
  device::Host& host_;
  std::condition_variable changed_;
  bool go_ = false;  // guarded by the device's lock
};

class ReplacedDeviceTest : public ::testing::Test {
 protected:
  ~ReplacedDeviceTest() override {
    loop->stop();
    if (loop_thread.joinable()) loop_thread.join();
    machine.reset();
  }
  void make(testing::Script script) {
    auto made = Machine::create(
        {},
        [&](memory::GuestMemory&) -> Result<std::unique_ptr<hypervisor::Vm>> {
          return std::make_unique<testing::ScriptedVm>(std::move(script));
        },
        *loop, clock);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    machine = std::move(*made);
    loop_thread = std::thread([this] { loop->run(); });
  }
  Result<> replace(std::string_view name) {
    return machine->replace_device(name, [this](device::Host& host) {
      auto made = std::make_unique<WaitingDevice>(host);
      device = made.get();
      return made;
    });
  }
  void wait_for_vcpu() {
    while (!device->waits) std::this_thread::yield();
  }

  testing::SteadyClock clock;
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create());
  std::unique_ptr<Machine> machine;
  std::thread loop_thread;
  WaitingDevice* device = nullptr;
};

TEST_F(ReplacedDeviceTest, AnswersInTheOthersPlace) {
  std::atomic<std::uint64_t> value = 0;
  make([&](ScriptedVcpu& vcpu) -> Exit {
    vcpu.environment.port_write(0x2fb, Width::k8, 0x77);
    value = vcpu.environment.port_read(0x2f9, Width::k8);
    vcpu.environment.port_write(0x604, Width::k16, 5u << 10 | 1u << 13);
    return vcpu.spin();
  });
  ASSERT_TRUE(replace("uart16550.1"));
  device->go();
  EXPECT_TRUE(std::holds_alternative<PowerOff>(machine->run()));
  EXPECT_EQ(value, 0x51u);
  EXPECT_EQ(device->written, 0x377u);
  EXPECT_EQ((*machine->save())["chipset"]["uart16550.1"]["written"], 0x377);
}

TEST_F(ReplacedDeviceTest, OnlySomeCanBeReplacedAndOnce) {
  make([](ScriptedVcpu& vcpu) -> Exit { return vcpu.spin(); });
  EXPECT_TRUE(replace("rtc-cmos"));
  EXPECT_TRUE(replace("i8042"));
  for (const char* name : {"rtc-cmos", "pit8254", "acpi-pm", "nothing"}) {
    const Result<> replaced = replace(name);
    ASSERT_FALSE(replaced) << name;
    EXPECT_NE(replaced.error().message().find(name), std::string::npos);
  }
  EXPECT_FALSE(machine->cmos().empty());
}

TEST_F(ReplacedDeviceTest, APauseGivesUpOnAVcpuThatWaits) {
  make([](ScriptedVcpu& vcpu) -> Exit {
    static_cast<void>(vcpu.environment.port_read(kSerialPortPlaces[0].base, Width::k8));
    return vcpu.spin();
  });
  ASSERT_TRUE(replace("uart16550.0"));
  std::thread runner(
      [this] { EXPECT_TRUE(std::holds_alternative<StopRequested>(machine->run())); });
  wait_for_vcpu();
  EXPECT_FALSE(machine->try_pause(milliseconds(1)));
  device->go();
  EXPECT_TRUE(machine->try_pause(milliseconds(10'000)));
  machine->resume();
  machine->request_stop();
  runner.join();
}

TEST_F(ReplacedDeviceTest, WhoeverEndsTheMachineLetsVcpusGo) {
  make([](ScriptedVcpu& vcpu) -> Exit {
    static_cast<void>(vcpu.environment.port_read(kSerialPortPlaces[0].base, Width::k8));
    return vcpu.spin();
  });
  ASSERT_TRUE(replace("uart16550.0"));
  machine->set_ending_handler([this] { device->go(); });
  for (unsigned round = 0; round < 2; ++round) {
    std::thread runner([this] { EXPECT_TRUE(std::holds_alternative<Reset>(machine->run())); });
    wait_for_vcpu();
    machine->request_reset();
    runner.join();
    ASSERT_TRUE(machine->reset());
  }
}

}  // namespace
}  // namespace orrery::machine
