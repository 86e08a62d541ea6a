// Devices with registers that are on servers: accesses, interrupts, and all that may go wrong.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/uart16550/uart16550.hpp"
#include "remote/faulty_relay.hpp"
#include "remote/register_counting.hpp"

namespace orrery::remote {
namespace {

using device::uart16550::Uart16550;
using ::testing::HasSubstr;
using Counting = CountingRegisters;

class RegisterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (unsigned n = 0; n < 2; ++n) {
      servers[n] = counting_server();
      ports.push_back(servers[n]->port());
    }
  }
  void start() { vm = std::make_unique<RegisterVm>(ports); }
  void kill(unsigned number) { servers[number].reset(); }
  void start_again(unsigned number) { servers[number] = counting_server(address(number)); }
  std::string address(unsigned number) const { return "127.0.0.1:" + ports[number]; }
  std::string where() { return vm->whereabouts().server; }

  std::unique_ptr<RegisterServer> servers[2];
  std::vector<std::string> ports;
  std::unique_ptr<RegisterVm> vm;
};

TEST_F(RegisterTest, AccessesAndLinesComeInOrder) {
  start();
  for (std::uint64_t n = 1; n <= 40; ++n) {
    EXPECT_EQ(vm->read(Counting::kRead), n);
    // Whoever has the answer finds the interrupt there.
    EXPECT_EQ(vm->line(), (n & 8) != 0) << n;
  }
  EXPECT_EQ(vm->read(Counting::kRead, Width::k8), 41u);
}

TEST_F(RegisterTest, EarlyWritesComeBeforeWhatFollows) {
  start();
  std::uint64_t count = 0;
  while (count < 1'000) vm->write(Counting::kWrite, ++count);
  vm->write(Counting::kWaited, ++count);
  EXPECT_EQ(vm->read(Counting::kRead), ++count);
}

TEST_F(RegisterTest, CutsLoseNothingAndDoNothingTwice) {
  FaultyRelay relay(ports[0], {.seed = 5, .bytes_to_cut = 20'000, .one_in_delays = 500});
  RegisterVm cut({relay.port()});
  count_accesses(cut, 5'000);
  EXPECT_GE(relay.cuts(), 20u);
}

// Whatever is killed, each access counts once: its answer and the settings that it came with are
// kept together, or neither is.
TEST_F(RegisterTest, KilledServersLoseNothingAndDoNothingTwice) {
  constexpr unsigned kSeed = 3;
  std::mt19937 random(kSeed);
  start();
  std::uint64_t count = 0;
  for (unsigned kills = 0; kills < 20; ++kills) {
    std::atomic<bool> again = false;
    std::thread killer([&] {
      const unsigned here = where().ends_with(ports[1]) ? 1 : 0;
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 3'000));
      kill(here);
      start_again(here);
      again = true;
    });
    do count = count_accesses(*vm, 50, count);
    while (!again);
    killer.join();
    ASSERT_FALSE(HasFailure()) << "seed " << kSeed << ", kill " << kills;
  }
}

TEST_F(RegisterTest, ADeviceMovesBetweenAccesses) {
  start();
  std::atomic<bool> over = false;
  unsigned moves = 0;
  std::thread mover([&] {
    while (!over) EXPECT_EQ(vm->move(ports[++moves % 2]), "");
  });
  count_accesses(*vm, 3'000);
  over = true;
  mover.join();
  EXPECT_GE(moves, 5u);
  // The server that it left gives it to others.
  const std::string other = where().ends_with(ports[0]) ? ports[1] : ports[0];
  RegisterVm second({other});
  EXPECT_EQ(second.read(Counting::kRead), 1u);
}

TEST_F(RegisterTest, AMoveToWhereNobodyIsLeavesItWhereItIs) {
  start();
  EXPECT_EQ(vm->read(Counting::kRead), 1u);
  EXPECT_THAT(vm->move("1"), HasSubstr("cannot be reached"));
  EXPECT_EQ(vm->read(Counting::kRead), 2u);
}

// A vCPU that waits for a server that is gone holds up neither the device's lock nor the end.
TEST_F(RegisterTest, WhoeverWaitsGoesWhenTheMachineEnds) {
  start();
  EXPECT_EQ(vm->read(Counting::kRead), 1u);
  kill(0);
  kill(1);
  std::atomic<bool> returned = false;
  std::uint64_t value = 0;
  std::thread vcpu([&] {
    value = vm->read(Counting::kRead, Width::k8);
    returned = true;
  });
  ASSERT_TRUE(RegisterVm::wait_until([&] { return !vm->save()["under_way"].empty(); }));
  EXPECT_FALSE(returned);
  vm->models().stop_waiting();
  vcpu.join();
  EXPECT_EQ(value, 0xffu);
  EXPECT_EQ(vm->read(Counting::kRead, Width::k16), 0xffffu) << "nobody waits until the reset";
  // After a reset all goes on where a server is found again.
  vm->reset();
  start_again(1);
  EXPECT_EQ(vm->read(Counting::kRead), 1u);
}

TEST_F(RegisterTest, AResetBeginsAnewWhereverItIs) {
  start();
  count_accesses(*vm, 12);
  EXPECT_TRUE(vm->line());
  vm->reset();
  kill(where().ends_with(ports[1]) ? 1 : 0);
  EXPECT_EQ(vm->read(Counting::kRead), 1u);
  EXPECT_FALSE(vm->line());
}

TEST_F(RegisterTest, ASavedDeviceGoesOnInAnotherVm) {
  start();
  const std::uint64_t count = count_accesses(*vm, 13);
  vm->write(Counting::kWrite, count + 1);  // under way or not
  const device::State state = vm->save();
  vm.reset();
  RegisterVm other({ports[1]});
  EXPECT_TRUE(other.restore(state));
  EXPECT_EQ(other.read(Counting::kRead), count + 2);
  EXPECT_TRUE(other.line());
}

TEST_F(RegisterTest, AnotherDevicesStateIsRefused) {
  start();
  EXPECT_EQ(vm->read(Counting::kRead), 1u);
  for (const char* text :
       {"null", "7", "{}", R"({"model":7,"version":1,"settings":0,"under_way":[]})",
        R"({"model":"uart16550","version":1})",
        R"({"model":"remote-counting","version":2,"settings":0,"under_way":[]})",
        R"({"model":"remote-counting","version":1,"settings":0,"under_way":[{"kind":9}]})"}) {
    EXPECT_FALSE(vm->restore(device::State::parse(text))) << text;
  }
  EXPECT_EQ(vm->read(Counting::kRead), 2u);
}

TEST_F(RegisterTest, AnotherVmHasToWait) {
  start();
  const auto loop = *EventLoop::create();
  const ClientLink::Options client = client_options("1", kRegisterTiming);
  RemoteModels models(*loop, {.credentials = client.credentials, .vm = client.vm});
  const auto opened = models.open("device0", {RegisterVm::place_at(ports[0])});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message(), HasSubstr("in use"));
}

TEST_F(RegisterTest, AnOwnerServerForwards) {
  for (const auto routes : {RegisterVm::Routes::kIgnore, RegisterVm::Routes::kFollow}) {
    const auto owner = RegisterServer::forwarding_to(ports[0]);
    RegisterVm forwarded({owner->port()}, routes);
    std::uint64_t count = count_accesses(forwarded, 500);
    if (routes == RegisterVm::Routes::kFollow) {
      EXPECT_TRUE(RegisterVm::wait_until(
          [&] { return forwarded.whereabouts().server.ends_with(ports[0]); }));
    }
    EXPECT_EQ(forwarded.read(Counting::kRead), count + 1);
  }
}

// ---- A device as it is ----

constexpr std::uint64_t kData = 0, kInterruptEnable = 1, kFifoControl = 2, kModemControl = 4,
                        kLineStatus = 5;

class RemoteUartTest : public ::testing::Test {
 protected:
  std::unique_ptr<RegisterServer> serve(FakeConsole& console,
                                        const std::string& address = "127.0.0.1:0") {
    return std::make_unique<RegisterServer>(
        [&console](device::Host& host) {
          auto uart = std::make_unique<Uart16550>(host);
          uart->attach(console);
          return uart;
        },
        RegisterInterface{.lines = Uart16550::kLines, .posted = {{0, Uart16550::kEarlyWrite}}},
        address);
  }
  // As Linux's driver does it.
  void open_line(RegisterVm& vm) {
    vm.write(kFifoControl, 0x07, Width::k8);
    vm.write(kModemControl, 0x0b, Width::k8);
    vm.write(kInterruptEnable, 0x05, Width::k8);
  }
  static void type(RegisterServer& server, FakeConsole& console, std::string_view text) {
    server.call([&] { console.type(text); });
  }
  static std::string read_all(RegisterVm& vm) {
    std::string text;
    while ((vm.read(kLineStatus, Width::k8) & 1) != 0) {
      text += static_cast<char>(vm.read(kData, Width::k8));
    }
    return text;
  }
};

TEST_F(RemoteUartTest, SpeaksToTheConsoleOfItsServer) {
  FakeConsole console;
  const auto server = serve(console);
  RegisterVm vm({server->port()});
  open_line(vm);
  for (const char letter : std::string("hello")) {
    vm.write(kData, static_cast<unsigned char>(letter), Width::k8);
  }
  EXPECT_EQ(vm.read(kLineStatus, Width::k8) & 0x60, 0x60u);
  server->call([&] { EXPECT_EQ(console.output, "hello"); });
  type(*server, console, "typed");
  ASSERT_TRUE(RegisterVm::wait_until([&] { return vm.line(); }));
  EXPECT_EQ(read_all(vm), "typed");
}

// What the guest was told of, and has not read, comes along to the next server.
TEST_F(RemoteUartTest, WhatWaitsInTheFifoOutlivesItsServer) {
  FakeConsole consoles[2];
  std::unique_ptr<RegisterServer> servers[2] = {serve(consoles[0]), serve(consoles[1])};
  RegisterVm vm({servers[0]->port(), servers[1]->port()});
  open_line(vm);
  type(*servers[0], consoles[0], "abc");
  ASSERT_TRUE(RegisterVm::wait_until([&] { return vm.line(); }));
  EXPECT_EQ(vm.read(kData, Width::k8), 'a');
  servers[0].reset();
  EXPECT_EQ(read_all(vm), "bc");
  type(*servers[1], consoles[1], "d");
  ASSERT_TRUE(RegisterVm::wait_until([&] { return vm.line(); }));
  EXPECT_EQ(read_all(vm), "d");
}

}  // namespace
}  // namespace orrery::remote
