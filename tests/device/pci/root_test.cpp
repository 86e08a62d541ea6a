// Bus 0: configuration mechanism #1 (PCI 3.0, 3.2.2.3.2), address resolution, and the assignment of
// resources.
#include "device/pci/root.hpp"

#include <gtest/gtest.h>

#include "device/pci/host_bridge.hpp"
#include "device/pci/isa_bridge.hpp"
#include "device/pci/resources.hpp"
#include "device/pci/sample.hpp"
#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::testing {
namespace {

using namespace device::pci;

class RootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(root.attach({0, 0}, bridge));
    ASSERT_TRUE(root.attach({1, 0}, isa));
    ASSERT_TRUE(root.attach({3, 0}, sample));
    root.set_change_listener([this] { ++changes; });
  }
  void select(unsigned slot, unsigned function, unsigned offset) {
    write32(root, 0, 0, 0x8000'0000 | slot << 11 | function << 8 | offset);
  }

  FakeHost root_host, bridge_host, isa_host, sample_host, other_host;
  InterruptRouter router{[](unsigned, bool) {}};
  Root root{root_host};
  HostBridge bridge{bridge_host};
  IsaBridge isa{isa_host, router};
  SampleFunction sample{sample_host};
  int changes = 0;
};

TEST_F(RootTest, MechanismOneReadsConfigurationSpace) {
  select(0, 0, 0);
  EXPECT_EQ(read32(root, 0, 4), 0x1237'8086u);
  select(1, 0, 0);
  EXPECT_EQ(read32(root, 0, 4), 0x7000'8086u);
  EXPECT_EQ(root.read(0, 6, Width::k16), 0x7000u);
  EXPECT_EQ(read8(root, 0, 5), 0x80);
  select(3, 0, 8);
  EXPECT_EQ(read8(root, 0, 4), 9);
}

TEST_F(RootTest, EmptyPlacesReadOnes) {
  for (const unsigned address : {2u << 11, 1u << 11 | 1u << 8, 1u << 16}) {
    write32(root, 0, 0, 0x8000'0000 | address);
    EXPECT_EQ(read32(root, 0, 4), 0xFFFF'FFFFu) << address;
    write32(root, 0, 4, 0);
  }
  write32(root, 0, 0, 0);
  EXPECT_EQ(read32(root, 0, 4), 0xFFFF'FFFFu) << "the enable bit is clear";
}

TEST_F(RootTest, ConfigAddressTakesWholeDoublewordsOnly) {
  select(3, 0, 0x10);
  EXPECT_EQ(read32(root, 0, 0), 0x8000'1810u);
  write8(root, 0, 0, 0xFF);
  root.write(0, 0, Width::k16, 0xFFFF);
  EXPECT_EQ(read32(root, 0, 0), 0x8000'1810u);
}

TEST_F(RootTest, ResetControlResetsOnARise) {  // PIIX3, 2.5.4.3
  write8(root, 0, 1, kSystemReset);
  EXPECT_TRUE(root_host.power_requests.empty());
  write8(root, 0, 1, kSystemReset | kResetCpu);
  write8(root, 0, 1, kSystemReset | kResetCpu);
  EXPECT_EQ(root_host.power_requests.size(), 1u);
  EXPECT_EQ(root_host.power_requests[0], device::PowerRequest::kReset);
}

TEST_F(RootTest, AddressesFollowTheBars) {
  EXPECT_FALSE(root.find_memory(GuestPhysical(0xE000'0010)));
  select(3, 0, 0x10);
  write32(root, 0, 4, 0xE000'0000);
  select(3, 0, kCommand);
  root.write(0, 4, Width::k16, kMemorySpace);
  EXPECT_GE(changes, 2);
  const auto found = root.find_memory(GuestPhysical(0xE000'0010));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->function, &sample);
  EXPECT_EQ(found->region, 0u);
  EXPECT_EQ(found->offset, 0x10u);
  EXPECT_FALSE(root.find_memory(GuestPhysical(0xE000'1000)));
  EXPECT_FALSE(root.find_port(0x10));
  root.write(0, 4, Width::k16, 0);
  EXPECT_TRUE(root.windows().empty());
}

TEST_F(RootTest, PlacesAreTakenOnce) {
  SampleFunction other(other_host);
  EXPECT_FALSE(root.attach({3, 0}, other));
  EXPECT_FALSE(root.attach({4, 1}, other)) << "function 0 must be there first";
  EXPECT_FALSE(root.attach({32, 0}, other));
  EXPECT_TRUE(root.attach({3, 1}, other));
  select(3, 0, kHeaderType & ~3u);
  EXPECT_EQ(root.read(0, 4 + (kHeaderType & 3), Width::k8), kMultiFunction);
  EXPECT_EQ(root.functions().size(), 4u);
}

TEST_F(RootTest, FirmwareAssignsAlignedDisjointAddresses) {
  SampleFunction other(other_host);
  ASSERT_TRUE(root.attach({4, 0}, other));
  isa.program_default_routes();
  const ResourceWindows windows{GuestPhysical(0xE000'1000), GuestPhysical(0xF000'0000)};
  ASSERT_TRUE(assign_resources(root, router, windows));
  const auto mapped = root.windows();
  EXPECT_EQ(mapped.size(), 6u);
  for (std::size_t i = 0; i < mapped.size(); ++i) {
    const Window& one = mapped[i].window;
    EXPECT_EQ(one.base % one.size, 0u);
    if (one.space == Space::kMemory) {
      EXPECT_GE(one.base, 0xE000'1000u);
    }
    for (std::size_t j = 0; j < i; ++j) {
      const Window& two = mapped[j].window;
      EXPECT_TRUE(one.space != two.space || one.last() < two.base || two.last() < one.base);
    }
  }
  EXPECT_EQ(read8(sample, 6, kInterruptLine), 10);
  EXPECT_EQ(read8(other, 6, kInterruptLine), 11);
}

TEST_F(RootTest, TooSmallAWindowIsAnError) {
  const ResourceWindows windows{GuestPhysical(0xE000'0000), GuestPhysical(0xE008'0000)};
  const auto result = assign_resources(root, router, windows);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("sample"), std::string::npos);
}

TEST_F(RootTest, StateComesBack) {
  select(3, 0, 0x3C);
  write8(root, 0, 1, kSystemReset);
  FakeHost host;
  Root fresh(host);
  expect_round_trip(root, fresh);
}

}  // namespace
}  // namespace orrery::testing
