// A vCPU of the software engine in 64-bit supervisor mode over 2 MiB of identity-mapped memory.
// Code runs to the HLT behind it; every exception vector leads to an HLT of its own, so that the
// outcome tells which exception ended it.
#pragma once

#include <array>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/soft/soft_vm.hpp"
#include "x86/exceptions.hpp"

namespace orrery::hypervisor::soft::test {

class NoEnvironment final : public Environment {
 public:
  std::uint64_t port_read(std::uint16_t, Width width) override { return mask_of(width); }
  void port_write(std::uint16_t, Width, std::uint64_t) override {}
  std::uint64_t memory_read(GuestPhysical, Width width) override { return mask_of(width); }
  void memory_write(GuestPhysical, Width, std::uint64_t) override {}
  bool interrupt_pending() override { return false; }
  std::optional<std::uint8_t> acknowledge_interrupt() override { return std::nullopt; }
  bool acknowledge_nmi() override { return false; }
  std::uint64_t task_priority() override { return 0; }
  void set_task_priority(std::uint64_t) override {}
  std::optional<std::uint64_t> read_msr(std::uint32_t) override { return std::nullopt; }
  bool write_msr(std::uint32_t, std::uint64_t) override { return false; }
  std::uint64_t time_stamp() override { return 0; }
};

class SmallMachine : public testing::Test {
 protected:
  static constexpr std::uint64_t kCode = 0x8000;
  static constexpr std::uint64_t kHandlers = 0x9000;
  static constexpr std::uint64_t kStack = 0x1'0000;
  static constexpr std::uint64_t kArea = 0x2'0000;  // in RDI

  SmallMachine()
      : memory_(memory::GuestMemory::create({{GuestPhysical(0), Bytes(2_MiB)}}).value()),
        vm_(create_soft_vm(*memory_)),
        vcpu_(vm_->create_vcpu(VcpuId(0), environment_).value()) {
    write_tables();
    state = long_mode();
  }

  x86::CpuState state;  // before run(), and after it

  // The exception that ended CODE, or nothing where it ran to its end.
  std::optional<x86::Exception> run(std::initializer_list<int> code) {
    std::vector<std::uint8_t> bytes;
    for (const int byte : code) bytes.push_back(static_cast<std::uint8_t>(byte));
    bytes.push_back(0xf4);
    write(kCode, bytes.data(), bytes.size());
    state.rip = kCode;
    state.activity = x86::Activity::kRunning;
    state[x86::Gpr::kRdi] = kArea;
    state[x86::Gpr::kRsp] = kStack;
    EXPECT_TRUE(vcpu_->set_state(state));
    EXPECT_TRUE(std::holds_alternative<Halted>(vcpu_->run()));
    state = vcpu_->state().value();
    if (state.rip == kCode + bytes.size()) return std::nullopt;
    return static_cast<x86::Exception>((state.rip - kHandlers) / kHandlerSize);
  }

  template <typename T>
  T read(std::uint64_t offset) {
    T value{};
    EXPECT_TRUE(memory_->read(GuestPhysical(kArea + offset),
                              {reinterpret_cast<std::byte*>(&value), sizeof value}));
    return value;
  }
  template <typename T>
  void put(std::uint64_t offset, T value) {
    write(kArea + offset, &value, sizeof value);
  }
  void fill_area(std::uint8_t byte) {
    const std::vector<std::uint8_t> bytes(2048, byte);
    write(kArea, bytes.data(), bytes.size());
  }

 private:
  static constexpr std::uint64_t kHandlerSize = 16;
  static constexpr std::uint64_t kTables = 0x1000;
  static constexpr std::uint64_t kGdt = 0x4000;
  static constexpr std::uint64_t kIdt = 0x5000;
  static constexpr std::uint16_t kCodeSelector = 8;

  void write(std::uint64_t address, const void* data, std::size_t size) {
    EXPECT_TRUE(memory_->write(GuestPhysical(address), as_bytes(data, size)));
  }
  void word(std::uint64_t address, std::uint64_t value) { write(address, &value, sizeof value); }

  void write_tables() {
    word(kTables, (kTables + 0x1000) | 3);
    word(kTables + 0x1000, (kTables + 0x2000) | 3);
    word(kTables + 0x2000, 0x83);  // one page of 2 MiB
    word(kGdt + kCodeSelector, 0x00af'9b00'0000'ffff);
    for (std::uint64_t vector = 0; vector < 32; ++vector) {
      const std::uint64_t handler = kHandlers + vector * kHandlerSize - 1;
      // The HLT lies before, so that RIP after it is the handler's number.
      word(kIdt + vector * 16,
           (handler & 0xffff) | (std::uint64_t{kCodeSelector} << 16) | (std::uint64_t{0x8e} << 40));
      const std::uint8_t halt = 0xf4;
      write(handler, &halt, 1);
    }
  }

  static x86::CpuState long_mode() {
    x86::CpuState state = x86::reset_state();
    state.cr0 = x86::cr0::kPaging | x86::cr0::kProtectionEnable | x86::cr0::kNumericError |
                x86::cr0::kExtensionType | x86::cr0::kMonitorCoprocessor;
    state.cr3 = kTables;
    state.cr4 = x86::cr4::kPhysicalAddressExtension | x86::cr4::kFxsave |
                x86::cr4::kSimdExceptions | x86::cr4::kXsave;
    state.efer = x86::efer::kLongModeEnable | x86::efer::kLongModeActive;
    state.xcr0 = x86::xcr0::kX87 | x86::xcr0::kSse;
    for (x86::Segment& segment : state.segments) {
      segment = {16, x86::SegmentAttributes(0xc093), 0xffff'ffff, 0};
    }
    state[x86::SegmentRegister::kCs] = {kCodeSelector, x86::SegmentAttributes(0xa09b), 0xffff'ffff,
                                        0};
    state.gdtr = {kGdt, 0xff};
    state.idtr = {kIdt, 0x1ff};
    return state;
  }

  NoEnvironment environment_;
  std::unique_ptr<memory::GuestMemory> memory_;
  std::unique_ptr<Vm> vm_;
  std::unique_ptr<Vcpu> vcpu_;
};

}  // namespace orrery::hypervisor::soft::test
