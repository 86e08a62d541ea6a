// Breakpoints, watchpoints and single steps on every backend.
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "hypervisor/kvm/kvm_vm.hpp"
#include "hypervisor/kvm/probe.hpp"
#include "hypervisor/soft/soft_vm.hpp"
#include "support/quiet_environment.hpp"
#include "x86/control_registers.hpp"
#include "x86/paging.hpp"

namespace orrery::hypervisor {
namespace {

using Cause = DebugTrap::Cause;
using Made = Result<std::unique_ptr<Vm>>;
using soft::translate::Options;
using x86::Gpr;

struct Backend {
  const char* name;
  std::function<Made(memory::GuestMemory&)> make;
  bool on_kvm = false;
};

const Backend kBackends[] = {
    {"interpret", [](memory::GuestMemory& memory) -> Made { return soft::create_soft_vm(memory); }},
    {"translate",
     [](memory::GuestMemory& memory) -> Made {
       return soft::create_soft_vm(memory, Options{.hot_after = 0});
     }},
    {"kvm", [](memory::GuestMemory& memory) { return kvm::create_kvm_vm(memory); }, true},
};

constexpr std::uint8_t kDonePort = 0xf4;
constexpr std::uint64_t kRounds = 1000;

constexpr std::uint64_t kCode = 0x1000;
constexpr std::uint64_t kStore = kCode + 3;
constexpr std::uint64_t kLoad = kCode + 6;
constexpr std::uint64_t kCount = kCode + 9;
constexpr std::uint8_t kLoop[] = {
    0x48, 0xff,      0xc0,                          // again: inc rax
    0x48, 0x89,      0x07,                          //        mov [rdi], rax
    0x48, 0x8b,      0x1e,                          //        mov rbx, [rsi]
    0x48, 0xff,      0xc1,                          //        inc rcx
    0x48, 0x81,      0xf8, 0xe8, 0x03, 0x00, 0x00,  //        cmp rax, kRounds
    0x75, 0xeb,                                     //        jne again
    0xe6, kDonePort,                                //        out kDonePort, al
    0xeb, 0xfe,                                     //        jmp $
};
constexpr std::uint64_t kWritten = 0x8000;
constexpr std::uint64_t kRead = 0x9008;

// Stops the vCPU at a write to kDonePort; may have an interrupt.
class StoppingEnvironment : public testing::QuietEnvironment {
 public:
  void port_write(std::uint16_t port, Width, std::uint64_t) override {
    if (port == kDonePort) vcpu->stop();
  }
  bool interrupt_pending() override { return interrupts; }
  Vcpu* vcpu = nullptr;
  bool interrupts = false;
};

class Debugging : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (GetParam().on_kvm && ::access("/dev/kvm", R_OK | W_OK) != 0) {
      GTEST_SKIP() << "no /dev/kvm on this host";
    }
    memory_ = std::move(*memory::GuestMemory::create({{GuestPhysical(0), Bytes(2_MiB)}}));
    auto vm = GetParam().make(*memory_);
    ASSERT_TRUE(vm) << vm.error().message();
    vm_ = std::move(*vm);
    vcpu_ = std::move(*vm_->create_vcpu(VcpuId(0), environment_));
    ASSERT_TRUE(vcpu_->set_cpuid(vm_->supported_cpuid()));
    environment_.vcpu = vcpu_.get();
    ASSERT_TRUE(memory_->write(GuestPhysical(kCode), as_bytes(kLoop, sizeof kLoop)));
    map_identity();
    ASSERT_TRUE(vcpu_->set_state(long_mode()));
  }

  // The first 2 MiB by one page.
  void map_identity() {
    using namespace x86::page_entry;
    const auto put = [&](std::uint64_t address, std::uint64_t entry) {
      ASSERT_TRUE(memory_->write(GuestPhysical(address), as_bytes(&entry, sizeof entry)));
    };
    put(kTables, (kTables + 0x1000) | kPresent | kWritable);
    put(kTables + 0x1000, (kTables + 0x2000) | kPresent | kWritable);
    put(kTables + 0x2000, kPresent | kWritable | kLarge);
  }

  static x86::CpuState long_mode() {
    x86::CpuState state = x86::reset_state();
    state.cr0 |= x86::cr0::kProtectionEnable | x86::cr0::kPaging;
    state.cr3 = kTables;
    state.cr4 |= x86::cr4::kPhysicalAddressExtension;
    state.efer = x86::efer::kLongModeEnable | x86::efer::kLongModeActive;
    constexpr std::uint32_t kWholeSpace = 0xffff'ffff;
    for (x86::Segment& segment : state.segments) {
      segment = {0x10, x86::SegmentAttributes(0xc093), kWholeSpace, 0};
    }
    state[x86::SegmentRegister::kCs] = {0x08, x86::SegmentAttributes(0xa09b), kWholeSpace, 0};
    state.rip = kCode;
    state[Gpr::kRax] = state[Gpr::kRcx] = 0;
    state[Gpr::kRdi] = kWritten;
    state[Gpr::kRsi] = kRead;
    return state;
  }

  x86::CpuState state() {
    auto read = vcpu_->state();
    EXPECT_TRUE(read);
    return read.value_or(x86::CpuState{});
  }
  void ask(const DebugRequest& request) {
    const Result<> asked = vcpu_->set_debug(request);
    ASSERT_TRUE(asked) << asked.error().message();
  }
  void expect_trap(Cause cause, std::uint64_t address) {
    const Exit exit = vcpu_->run();
    const auto* const trap = std::get_if<DebugTrap>(&exit);
    ASSERT_NE(trap, nullptr) << "exit " << exit.index();
    EXPECT_EQ(trap->cause, cause);
    EXPECT_EQ(trap->address.value(), address);
  }
  void expect_end() {
    ASSERT_TRUE(std::holds_alternative<Stopped>(vcpu_->run()));
    EXPECT_EQ(state()[Gpr::kRax], kRounds);
    EXPECT_EQ(state()[Gpr::kRcx], kRounds);
  }

  static bool emulated() {
    if (!GetParam().on_kvm) return false;
    const auto probe = kvm::probe();
    return !probe || !probe->usable();
  }
  static constexpr const char* kNoWatchpoints =
      "KVM's emulator of ring 0 does not look at data breakpoints";

  static constexpr std::uint64_t kTables = 0x10000;
  std::unique_ptr<memory::GuestMemory> memory_;
  StoppingEnvironment environment_;
  std::unique_ptr<Vm> vm_;
  std::unique_ptr<Vcpu> vcpu_;
};

TEST_P(Debugging, StepsGoInstructionByInstruction) {
  for (const std::uint64_t next : {kStore, kLoad, kCount, kCode + 12, kCode + 19, kCode, kStore}) {
    ask({.step = true, .breakpoints = {}, .watchpoints = {}});
    expect_trap(Cause::kStep, next);
    EXPECT_EQ(state().rip, next);
  }
  EXPECT_EQ(state()[Gpr::kRax], 2u);
  ask({});
  expect_end();
}

TEST_P(Debugging, StopsBeforeABreakpointEachTime) {
  ask({.step = false, .breakpoints = {GuestLinear(kCount)}, .watchpoints = {}});
  for (std::uint64_t round = 1; round <= 3; ++round) {
    expect_trap(Cause::kBreakpoint, kCount);
    EXPECT_EQ(state().rip, kCount);
    EXPECT_EQ(state()[Gpr::kRax], round);
    EXPECT_EQ(state()[Gpr::kRcx], round - 1);
  }
  ask({});
  expect_end();
}

TEST_P(Debugging, FindsABreakpointInCodeThatHasRun) {
  ask({.step = false, .breakpoints = {GuestLinear(kCode + 21)}, .watchpoints = {}});
  expect_trap(Cause::kBreakpoint, kCode + 21);
  x86::CpuState again = state();
  again.rip = kCode;
  again[Gpr::kRax] = again[Gpr::kRcx] = 0;
  ASSERT_TRUE(vcpu_->set_state(again));
  ask({.step = false, .breakpoints = {GuestLinear(kStore)}, .watchpoints = {}});
  expect_trap(Cause::kBreakpoint, kStore);
  EXPECT_EQ(state()[Gpr::kRax], 1u);
}

TEST_P(Debugging, StepsOffABreakpointWithItInPlace) {
  ask({.step = false, .breakpoints = {GuestLinear(kStore)}, .watchpoints = {}});
  expect_trap(Cause::kBreakpoint, kStore);
  ask({.step = true, .breakpoints = {GuestLinear(kStore)}, .watchpoints = {}});
  expect_trap(Cause::kStep, kLoad);
}

TEST_P(Debugging, StopsBehindAWrite) {
  if (emulated()) GTEST_SKIP() << kNoWatchpoints;
  ask({.step = false,
       .breakpoints = {},
       .watchpoints = {{GuestLinear(kWritten), 8, WatchKind::kWrite}}});
  for (std::uint64_t round = 1; round <= 3; ++round) {
    expect_trap(Cause::kWatchpoint, kWritten);
    EXPECT_EQ(state().rip, kLoad);
    EXPECT_EQ(state()[Gpr::kRax], round);
  }
  ask({});
  expect_end();
}

TEST_P(Debugging, StopsBehindAReadOfOneOfItsBytes) {
  if (emulated()) GTEST_SKIP() << kNoWatchpoints;
  ask({.step = false,
       .breakpoints = {},
       .watchpoints = {{GuestLinear(kRead + 4), 1, WatchKind::kAccess}}});
  expect_trap(Cause::kWatchpoint, kRead + 4);
  EXPECT_EQ(state().rip, kCount);
}

TEST_P(Debugging, NeighboursOfAWatchedPlaceAreNotWatched) {
  ask({.step = false,
       .breakpoints = {},
       .watchpoints = {{GuestLinear(kWritten + 8), 8, WatchKind::kAccess},
                       {GuestLinear(kWritten - 8), 8, WatchKind::kAccess}}});
  expect_end();
}

TEST_P(Debugging, WatchersOfReadsDoNotSeeWrites) {
  if (GetParam().on_kvm) GTEST_SKIP() << "processors watch writes, or reads and writes";
  ask({.step = false,
       .breakpoints = {},
       .watchpoints = {{GuestLinear(kWritten), 8, WatchKind::kRead}}});
  expect_end();
}

TEST_P(Debugging, FiveBreakpointsAreTooManyForAProcessor) {
  DebugRequest request;
  for (std::uint64_t n = 0; n < 5; ++n) request.breakpoints.emplace_back(kCode + n);
  const Result<> asked = vcpu_->set_debug(request);
  ASSERT_EQ(asked.has_value(), !GetParam().on_kvm);
  if (!asked) {
    EXPECT_NE(asked.error().message().find("four"), std::string::npos);
  }
}

TEST_P(Debugging, InterruptsWaitWhileItSteps) {
  if (GetParam().on_kvm) GTEST_SKIP() << "KVM has its own interrupt controllers here";
  x86::CpuState open = state();
  open.rflags |= x86::rflags::kInterrupt;
  ASSERT_TRUE(vcpu_->set_state(open));
  environment_.interrupts = true;  // none is ever acknowledged: it would be asked for
  ask({.step = true, .breakpoints = {}, .watchpoints = {}});
  expect_trap(Cause::kStep, kStore);
}

INSTANTIATE_TEST_SUITE_P(All, Debugging, ::testing::ValuesIn(kBackends),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace
}  // namespace orrery::hypervisor
