// What CPUID says about a vCPU's place and clock (SDM vol. 2A, CPUID).
#include "machine/processor/topology.hpp"

#include <gtest/gtest.h>

namespace orrery::machine {
namespace {

x86::CpuidTable table_for(Topology topology) {
  x86::CpuidTable table;
  table.set({.leaf = 0, .registers = {0xd, 0, 0, 0}});
  table.set({.leaf = 1, .registers = {0x600, 0x0000'0800, 0, 0}});
  describe_topology(table, topology);
  return table;
}

TEST(Topology, ApicIdsAndCores) {
  const auto table =
      table_for({.id = VcpuId(2), .vcpus = 3, .time_stamp_frequency = 1'000'000'000});
  EXPECT_EQ(table.query(1, 0).ebx, 0x0204'0800u);
  EXPECT_NE(table.query(1, 0).edx & 1u << 28, 0u);
  EXPECT_EQ(table.query(0xb, 0), (x86::CpuidRegisters{0, 1, 0x100, 2}));
  EXPECT_EQ(table.query(0xb, 1), (x86::CpuidRegisters{2, 3, 0x201, 2}));
  EXPECT_EQ(table.query(0xb, 2).ecx, 2u);
}

TEST(Topology, OneCore) {
  const auto table =
      table_for({.id = VcpuId(0), .vcpus = 1, .time_stamp_frequency = 1'000'000'000});
  EXPECT_EQ(table.query(1, 0).ebx, 0x0001'0800u);
  EXPECT_EQ(table.query(1, 0).edx & 1u << 28, 0u);
}

TEST(Topology, OwnApicIsAnnounced) {
  const auto own = table_for({.vcpus = 1, .own_apic = true}).query(1, 0);
  EXPECT_EQ(own.ecx, 1u << 21 | 1u << 24);
  EXPECT_EQ(own.edx & 1u << 9, 1u << 9);
  EXPECT_EQ(table_for({.vcpus = 1, .own_time_stamp = false}).query(1, 0).ecx, 1u << 21);
  EXPECT_EQ(table_for({.vcpus = 1, .own_apic = false}).query(1, 0).ecx, 0u);
}

TEST(Topology, FrequencyIsExact) {
  const auto r = table_for({.vcpus = 1, .time_stamp_frequency = 2'500'000'000}).query(0x15, 0);
  EXPECT_EQ(std::uint64_t{r.ecx} * r.ebx / r.eax, 2'500'000'000u);
  EXPECT_EQ(table_for({.vcpus = 1, .time_stamp_frequency = 2'500'000'000}).query(0x16, 0).eax,
            2500u);
  const auto odd = table_for({.vcpus = 1, .time_stamp_frequency = 4'999'999'999}).query(0x15, 0);
  EXPECT_NEAR(static_cast<double>(odd.ecx) * odd.ebx / odd.eax, 5e9, 10);
}

}  // namespace
}  // namespace orrery::machine
