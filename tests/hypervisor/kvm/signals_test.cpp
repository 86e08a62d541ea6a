// Doorbells and interrupt events: eventfds between the guest and whoever serves it.
#include <array>

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "base/files/file_descriptor.hpp"
#include "hypervisor/kvm/kvm_vm.hpp"
#include "support/quiet_environment.hpp"
#include "x86/control_registers.hpp"

namespace orrery::hypervisor::kvm {
namespace {

constexpr GuestPhysical kBell(0xc000'3004);
constexpr std::uint8_t kDonePort = 0xf4;
constexpr std::uint8_t kWaitPort = 0x80;

class Surroundings : public testing::QuietEnvironment {
 public:
  void port_write(std::uint16_t port, Width, std::uint64_t) override {
    if (port == kDonePort) vcpu->stop();
    if (port == kWaitPort && waiting) waiting();
  }
  void memory_write(GuestPhysical address, Width, std::uint64_t) override {
    stored.push_back(address);
  }
  Vcpu* vcpu = nullptr;
  std::function<void()> waiting;
  std::vector<GuestPhysical> stored;
};

// 32-bit protected mode without paging, with an IDT whose vector 40h has a handler.
constexpr std::uint64_t kCode = 0x1000;
constexpr std::uint64_t kHandler = 0x1800;
constexpr std::uint64_t kIdt = 0x2000;
constexpr std::uint64_t kGdt = 0x3000;
constexpr std::uint64_t kVector = 0x40;

x86::CpuState protected_mode() {
  x86::CpuState state = x86::reset_state();
  state.cr0 |= x86::cr0::kProtectionEnable;
  for (x86::Segment& segment : state.segments) {
    segment = {0x10, x86::SegmentAttributes(0xc093), 0xffff'ffff, 0};
  }
  state[x86::SegmentRegister::kCs] = {0x08, x86::SegmentAttributes(0xc09b), 0xffff'ffff, 0};
  state.rip = kCode;
  state[x86::Gpr::kRsp] = 0x8000;
  state.gdtr = {kGdt, 0x17};
  state.idtr = {kIdt, 0x7ff};
  return state;
}

class KvmSignals : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/kvm on this host";
    vm_ = std::move(*create_kvm_vm(*memory_));
    vcpu_ = std::move(*vm_->create_vcpu(VcpuId(0), environment_));
    environment_.vcpu = vcpu_.get();
    put(kGdt, std::array<std::uint64_t, 3>{0, 0x00cf'9b00'0000'ffff, 0x00cf'9300'0000'ffff});
    put(kIdt + kVector * 8, std::uint64_t{0x0000'8e00'0008'0000} | kHandler);
    ASSERT_TRUE(vcpu_->set_state(protected_mode()));
  }
  template <typename T>
  void put(std::uint64_t address, const T& value) {
    ASSERT_TRUE(memory_->write(GuestPhysical(address), as_bytes(&value, sizeof value)));
  }
  bool run_to_end() { return std::holds_alternative<Stopped>(vcpu_->run()); }
  static std::uint64_t count_of(const FileDescriptor& event) {
    std::uint64_t count = 0;
    return ::read(event.get(), &count, sizeof count) < 0 ? 0 : count;
  }

  std::unique_ptr<memory::GuestMemory> memory_ =
      std::move(*memory::GuestMemory::create({{GuestPhysical(0), Bytes(64_KiB)}}));
  Surroundings environment_;
  std::unique_ptr<Vm> vm_;
  std::unique_ptr<Vcpu> vcpu_;
};

TEST_F(KvmSignals, DoorbellsAreRungWithoutLeavingTheGuest) {
  put(kCode,
      std::array<std::uint8_t, 22>{0x66, 0xa3,      0x04, 0x30, 0x00, 0xc0,  // mov [0xc0003004], ax
                                   0xa3, 0x04,      0x30, 0x00, 0xc0,  // mov [0xc0003004], eax
                                   0xa3, 0x08,      0x30, 0x00, 0xc0,  // mov [0xc0003008], eax
                                   0xe6, kDonePort,                    // out kDonePort, al
                                   0xeb, 0xec,                         // jmp to the start
                                   0x90, 0x90});
  const FileDescriptor event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  Doorbells* const doorbells = vm_->doorbells();
  ASSERT_NE(doorbells, nullptr);
  ASSERT_TRUE(doorbells->connect(kBell, event.get()));
  ASSERT_TRUE(run_to_end());
  EXPECT_EQ(count_of(event), 2u);
  EXPECT_EQ(environment_.stored, std::vector{kBell + 4});

  ASSERT_TRUE(doorbells->disconnect(kBell, event.get()));
  ASSERT_TRUE(run_to_end());
  EXPECT_EQ(count_of(event), 0u);
  EXPECT_EQ(environment_.stored, (std::vector{kBell + 4, kBell, kBell, kBell + 4}));
}

TEST_F(KvmSignals, AnEventRaisesItsInterrupt) {
  // Switches the local APIC on, opens interrupts, and waits; the handler says that it ran.
  put(kCode, std::array<std::uint8_t, 16>{0xc7, 0x05, 0xf0, 0x00, 0xe0, 0xfe, 0xff, 0x01, 0x00,
                                          0x00,             // mov dword [0xfee000f0], 0x1ff
                                          0xfb,             // sti
                                          0xe6, kWaitPort,  // wait: out kWaitPort, al
                                          0xeb, 0xfc,       // jmp wait
                                          0x90});
  put(kHandler, std::array<std::uint8_t, 4>{0xe6, kDonePort, 0xeb, 0xfc});  // again: out; jmp again
  InterruptController* const controller = vm_->interrupt_controller();
  ASSERT_NE(controller, nullptr);
  auto event = controller->create_event();
  ASSERT_TRUE(event) << event.error().message();
  const Result<> routed = (*event)->route(0xfee0'0000, kVector);
  ASSERT_TRUE(routed) << routed.error().message();
  bool rung = false;
  environment_.waiting = [&] {
    if (std::exchange(rung, true)) return;
    const std::uint64_t one = 1;
    EXPECT_EQ(::write((*event)->descriptor(), &one, sizeof one), 8);
  };
  ASSERT_TRUE(run_to_end());
  EXPECT_TRUE(rung);
  EXPECT_EQ(vcpu_->state()->rip, kHandler + 2);
}

}  // namespace
}  // namespace orrery::hypervisor::kvm
