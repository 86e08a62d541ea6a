// The tables behind the system instructions: double faults, model-specific registers, CPUID.
#include <cstring>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "hypervisor/soft/interpret/bare_machine.hpp"
#include "hypervisor/soft/interpret/debug.hpp"
#include "hypervisor/soft/interpret/system.hpp"
#include "hypervisor/soft/interpret/system/registers/features.hpp"
#include "hypervisor/soft/interpret/system/registers/msr_table.hpp"
#include "x86/cpuid_features.hpp"
#include "x86/msr.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Exception;

// SDM vol. 3A, tables 6-4 and 6-5.
TEST(DoubleFault, FollowsTheTable) {
  const std::set<unsigned> contributory = {0, 10, 11, 12, 13};
  constexpr unsigned kPageFault = 14;
  for (unsigned first = 0; first < 20; ++first) {
    for (unsigned second = 0; second < 20; ++second) {
      const bool both = contributory.contains(first) && contributory.contains(second);
      const bool after_page_fault =
          first == kPageFault && (second == kPageFault || contributory.contains(second));
      EXPECT_EQ(makes_double_fault(static_cast<Exception>(first), static_cast<Exception>(second)),
                both || after_page_fault)
          << first << " then " << second;
    }
  }
}

class ModelSpecificRegisters : public testing::Test {
 protected:
  bool writes(std::uint32_t index, std::uint64_t value) {
    try {
      write_msr(machine_.cpu(), index, value);
      return true;
    } catch (const Fault& fault) {
      EXPECT_EQ(fault.exception, Exception::kGeneralProtection);
      return false;
    }
  }
  std::optional<std::uint64_t> reads(std::uint32_t index) {
    try {
      return read_msr(machine_.cpu(), index);
    } catch (const Fault& fault) {
      EXPECT_EQ(fault.exception, Exception::kGeneralProtection);
      return std::nullopt;
    }
  }
  BareMachine machine_;
};

TEST_F(ModelSpecificRegisters, NoTwoRowsOverlap) {
  std::set<std::uint32_t> seen;
  for (const MsrRow& row : msr_table()) {
    for (std::uint32_t n = 0; n < row.count; ++n) {
      EXPECT_TRUE(seen.insert(row.index + n).second) << row.name << " + " << n;
    }
  }
}

TEST_F(ModelSpecificRegisters, EveryReadableOneReadsAndTakesItsOwnValue) {
  for (const MsrRow& row : msr_table()) {
    const auto value = reads(row.index);
    EXPECT_EQ(value.has_value(), row.readable) << row.name;
    if (!value) continue;
    EXPECT_TRUE(writes(row.index, *value)) << row.name;
  }
}

TEST_F(ModelSpecificRegisters, ReservedBitsFaultAndChangeNothing) {
  for (const MsrRow& row : msr_table()) {
    if (row.other_bits == OtherBits::kIgnored || row.writable == ~std::uint64_t{0}) continue;
    const auto before = reads(row.index);
    const std::uint64_t reserved = ~row.writable & (row.writable + 1);  // the lowest reserved bit
    EXPECT_FALSE(writes(row.index, *before ^ (reserved == 0 ? 2 : reserved))) << row.name;
    EXPECT_EQ(reads(row.index), before) << row.name;
  }
}

TEST_F(ModelSpecificRegisters, UnknownOnesFault) {
  EXPECT_FALSE(reads(0x12345));
  EXPECT_FALSE(writes(0xc000'0104, 0));
  EXPECT_FALSE(reads(x86::msr::kApicBase)) << "this machine has no APIC";
}

TEST_F(ModelSpecificRegisters, PatTakesOnlyDefinedTypes) {
  EXPECT_TRUE(writes(x86::msr::kPat, 0x0706'0504'0100'0706));
  EXPECT_FALSE(writes(x86::msr::kPat, 0x02));
  EXPECT_FALSE(writes(x86::msr::kPat, std::uint64_t{0x08} << 56));
}

TEST_F(ModelSpecificRegisters, AddressesMustBeCanonical) {
  for (const std::uint32_t index :
       {x86::msr::kLstar, x86::msr::kFsBase, x86::msr::kGsBase, x86::msr::kKernelGsBase,
        x86::msr::kSysenterEsp, x86::msr::kSysenterEip}) {
    EXPECT_TRUE(writes(index, 0xffff'8000'0000'0000)) << index;
    EXPECT_FALSE(writes(index, 0x0000'8000'0000'0000)) << index;
    EXPECT_EQ(reads(index), 0xffff'8000'0000'0000) << index;
  }
}

// SDM vol. 3B, 17.17.3.
TEST_F(ModelSpecificRegisters, WritingTheTimeStampMovesItsAdjustment) {
  EXPECT_TRUE(writes(x86::msr::kTimeStampCounter, 1'000'000));
  const auto now = reads(x86::msr::kTimeStampCounter);
  EXPECT_GE(*now, 1'000'000u);
  EXPECT_LT(*now, 1'000'100u);
  EXPECT_NE(reads(x86::msr::kTscAdjust), 0u);
  EXPECT_TRUE(writes(x86::msr::kTscAdjust, 0));
  EXPECT_LT(*reads(x86::msr::kTimeStampCounter), 100u);
}

TEST_F(ModelSpecificRegisters, EferKeepsItsRules) {
  EXPECT_TRUE(writes(x86::msr::kEfer, x86::efer::kSystemCall | x86::efer::kNoExecute));
  EXPECT_FALSE(writes(x86::msr::kEfer, 1u << 12)) << "SVME is not there";
  machine_.cpu().state.cr0 |= x86::cr0::kPaging | x86::cr0::kProtectionEnable;
  EXPECT_FALSE(writes(x86::msr::kEfer, x86::efer::kLongModeEnable)) << "paging is on";
}

std::string vendor(const x86::CpuidRegisters& leaf) {
  std::string text(12, '\0');
  std::memcpy(text.data(), &leaf.ebx, 4);
  std::memcpy(text.data() + 4, &leaf.edx, 4);
  std::memcpy(text.data() + 8, &leaf.ecx, 4);
  return text;
}

TEST(Cpuid, IsAnIntelProcessorOfTheSecondLevel) {
  const x86::CpuidTable table = soft_cpuid();
  EXPECT_EQ(vendor(table.query(0, 0)), "GenuineIntel");
  namespace feature = x86::cpuid;
  for (const x86::CpuidFeature& needed :
       {feature::kSse3, feature::kSsse3, feature::kSse41, feature::kSse42, feature::kPopcnt,
        feature::kCmpxchg16b, feature::kLahf64, feature::kSse2, feature::kFxsr, feature::kCmov}) {
    EXPECT_TRUE(x86::has_feature(table, needed)) << needed.leaf << " bit " << needed.bit;
  }
  EXPECT_FALSE(x86::has_feature(table, feature::kHypervisor));
  EXPECT_FALSE(x86::has_feature(table, {1, 0, &x86::CpuidRegisters::ecx, 30})) << "no RDRAND";
  EXPECT_FALSE(x86::has_feature(table, {7, 0, &x86::CpuidRegisters::ebx, 16})) << "no AVX-512";
  EXPECT_EQ(table.query(7, 1), x86::CpuidRegisters{}) << "subleaf 1 of leaf 7 is empty";
}

// AVX comes with all that it needs, or with nothing.
TEST(Cpuid, ShowsOptionalInstructionSetsWhereTheHostHasThem) {
  const x86::CpuidTable table = soft_cpuid();
  for (const InstructionSet& set : optional_instruction_sets()) {
    EXPECT_EQ(x86::has_feature(table, set.feature), set.host_has)
        << set.feature.leaf << " bit " << set.feature.bit;
  }
  const bool avx = x86::has_feature(table, x86::cpuid::kAvx);
  EXPECT_EQ(table.query(0xd, 0).eax, avx ? 7u : 3u);
  EXPECT_EQ(table.query(0xd, 0).ecx, avx ? 832u : 576u);
  EXPECT_EQ(table.query(0xd, 1).eax, 3u) << "XSAVEOPT and XSAVEC, no XSAVES";
  EXPECT_EQ(table.query(0xd, 2),
            avx ? (x86::CpuidRegisters{256, 576, 0, 0}) : x86::CpuidRegisters{});
}

TEST(Cpuid, FollowsTheRunningState) {
  BareMachine machine;
  Cpu& cpu = machine.cpu();
  const auto os_xsave = x86::cpuid::kOsXsave.mask();
  EXPECT_EQ(current_cpuid(cpu, 1, 0).ecx & os_xsave, 0u);
  cpu.state.cr4 |= x86::cr4::kXsave;
  EXPECT_EQ(current_cpuid(cpu, 1, 0).ecx & os_xsave, os_xsave);
  EXPECT_EQ(current_cpuid(cpu, 0xd, 0).ebx, 576u);
  EXPECT_EQ(current_cpuid(cpu, 0xd, 1).ebx, 576u);
  cpu.state.xcr0 |= x86::xcr0::kSse | x86::xcr0::kAvx;
  EXPECT_EQ(current_cpuid(cpu, 0xd, 0).ebx, 832u);
  EXPECT_EQ(current_cpuid(cpu, 0xd, 1).ebx, 832u);
}

// SDM vol. 3B, 17.2.4 and 17.2.5.
TEST(Breakpoints, MatchByConditionAndLength) {
  x86::CpuState state;
  state.breakpoint_address = {0x1002, 0x2000, 0x3000, 0x60};
  // 0: write, 4 bytes, aligned down to 1000h; 1: read or write, 8 bytes; 2: execute; 3: port, 2.
  state.dr7 = 0x400 | 0x55 | (0b1101u << 16) | (0b1011u << 20) | (0b0000u << 24) | (0b0110u << 28);
  EXPECT_TRUE(has_data_breakpoints(state));
  EXPECT_TRUE(has_instruction_breakpoints(state));
  EXPECT_EQ(data_breakpoints_at(state, 0x1000, 1, Access::kWrite), 1u);
  EXPECT_EQ(data_breakpoints_at(state, 0x0ffd, 4, Access::kWrite), 1u);
  EXPECT_EQ(data_breakpoints_at(state, 0x1000, 4, Access::kRead), 0u);
  EXPECT_EQ(data_breakpoints_at(state, 0x1004, 4, Access::kWrite), 0u);
  EXPECT_EQ(data_breakpoints_at(state, 0x2007, 1, Access::kRead), 2u);
  EXPECT_EQ(instruction_breakpoints_at(state, 0x3000), 4u);
  EXPECT_EQ(instruction_breakpoints_at(state, 0x3001), 0u);
  EXPECT_EQ(port_breakpoints_at(state, 0x61, Width::k8), 0u) << "CR4.DE is clear";
  state.cr4 = x86::cr4::kDebuggingExtensions;
  EXPECT_EQ(port_breakpoints_at(state, 0x61, Width::k8), 8u);
  state.dr7 = 0x400;
  EXPECT_FALSE(has_data_breakpoints(state));
}

}  // namespace
}  // namespace orrery::hypervisor::soft
