// The KVM backend on this host's /dev/kvm; skipped where there is none.
#include <gtest/gtest.h>
#include <unistd.h>

#include "hypervisor/kvm/kvm_vm.hpp"
#include "hypervisor/kvm/probe.hpp"

namespace orrery::hypervisor::kvm {
namespace {

class NullEnvironment : public Environment {
 public:
  std::uint64_t port_read(std::uint16_t, Width width) override { return 0x5a & mask_of(width); }
  void port_write(std::uint16_t port, Width, std::uint64_t value) override {
    written.emplace_back(port, value);
    if (port == 0xf4) vcpu->stop();
  }
  std::uint64_t memory_read(GuestPhysical, Width width) override { return mask_of(width); }
  void memory_write(GuestPhysical address, Width, std::uint64_t value) override {
    stored.emplace_back(address, value);
  }
  bool interrupt_pending() override { return false; }
  std::optional<std::uint8_t> acknowledge_interrupt() override { return std::nullopt; }
  bool acknowledge_nmi() override { return false; }
  std::uint64_t task_priority() override { return 0; }
  void set_task_priority(std::uint64_t) override {}
  std::optional<std::uint64_t> read_msr(std::uint32_t) override { return std::nullopt; }
  bool write_msr(std::uint32_t, std::uint64_t) override { return false; }
  std::uint64_t time_stamp() override { return 0; }

  Vcpu* vcpu = nullptr;
  std::vector<std::pair<std::uint16_t, std::uint64_t>> written;
  std::vector<std::pair<GuestPhysical, std::uint64_t>> stored;
};

class KvmTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/kvm on this host";
    memory_ = std::move(memory::GuestMemory::create({{GuestPhysical(0), Bytes(64_KiB)}})).value();
    auto vm = create_kvm_vm(*memory_);
    ASSERT_TRUE(vm) << vm.error().message();
    vm_ = std::move(*vm);
    auto vcpu = vm_->create_vcpu(VcpuId(0), environment_);
    ASSERT_TRUE(vcpu) << vcpu.error().message();
    vcpu_ = std::move(*vcpu);
    environment_.vcpu = vcpu_.get();
  }

  std::unique_ptr<memory::GuestMemory> memory_;
  NullEnvironment environment_;
  std::unique_ptr<Vm> vm_;
  std::unique_ptr<Vcpu> vcpu_;
};

TEST_F(KvmTest, StateComesBackAsItWasSet) {
  x86::CpuState state = x86::startup_state(1);
  for (unsigned n = 0; n < x86::kGprs; ++n) state.gpr[n] = 0x1111'1111'1111'1111u * n;
  state.msrs.lstar = 0xffff'8000'0000'1000;
  state.breakpoint_address = {1, 2, 3, 4};
  state.x87.registers[3] = {0x8000'0000'0000'0001, 0x4001};
  state.x87.valid = 1u << 3;
  state.vectors[5] = {1, 2, 0, 0};
  state.mxcsr = 0x1f80;
  ASSERT_TRUE(vcpu_->set_state(state));
  const auto back = vcpu_->state();
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->gpr, state.gpr);
  EXPECT_EQ(back->rip, state.rip);
  EXPECT_EQ(back->rflags, state.rflags);
  EXPECT_EQ(back->segments, state.segments);
  EXPECT_EQ(back->msrs.lstar, state.msrs.lstar);
  EXPECT_EQ(back->breakpoint_address, state.breakpoint_address);
  EXPECT_EQ(back->x87.registers, state.x87.registers);
  EXPECT_EQ(back->vectors, state.vectors);
  EXPECT_EQ(back->activity, state.activity);
}

TEST_F(KvmTest, PortsAndDeviceMemoryReachTheEnvironment) {
  const std::uint8_t code[] = {
      0xe4, 0x10,        // in al, 0x10
      0xb9, 0x00, 0xf0,  // mov cx, 0xf000
      0x8e, 0xd9,        // mov ds, cx
      0xa2, 0x34, 0x12,  // mov [0x1234], al
      0xe6, 0xf4,        // out 0xf4, al
      0xeb, 0xfe,        // jmp to itself
  };
  ASSERT_TRUE(memory_->write(GuestPhysical(0x1000), as_bytes(code, sizeof code)));
  ASSERT_TRUE(vcpu_->set_state(x86::startup_state(1)));
  EXPECT_TRUE(std::holds_alternative<Stopped>(vcpu_->run()));
  ASSERT_EQ(environment_.stored.size(), 1u);
  EXPECT_EQ(environment_.stored[0].first, GuestPhysical(0xf'1234));
  EXPECT_EQ(environment_.stored[0].second, 0x5au);
  ASSERT_EQ(environment_.written.size(), 1u);
  EXPECT_EQ(environment_.written[0].second, 0x5au);
  EXPECT_EQ(vcpu_->state()->rip, 12u);  // after the OUT
}

TEST_F(KvmTest, ProbeRunsItsGuest) {
  const auto result = probe();
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_GT(result->ring0_mips, 0);
}

}  // namespace
}  // namespace orrery::hypervisor::kvm
