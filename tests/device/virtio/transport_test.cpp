// Virtio over PCI (virtio 1.2, 4.1) and device initialization (3.1, 2.1, 2.2), with an entropy
// device.
#include "device/virtio/entropy/entropy.hpp"
#include "device/virtio/fixture.hpp"

namespace orrery::testing {
namespace {

using namespace device::virtio;
using namespace device;

class TransportTest : public ::testing::Test {
 protected:
  std::uint64_t config(unsigned offset, Width width) {
    return machine.device.read(pci::Function::kConfigRegion, offset, width);
  }
  void set_config(unsigned offset, Width width, std::uint64_t value) {
    machine.device.write(pci::Function::kConfigRegion, offset, width, value);
  }
  // Offset of the virtio capability of TYPE, or 0.
  unsigned find_capability(unsigned type) {
    auto at = static_cast<unsigned>(config(pci::kCapabilitiesPointer, Width::k8));
    for (; at != 0; at = static_cast<unsigned>(config(at + 1, Width::k8))) {
      if (config(at, Width::k8) == pci::kCapabilityVendor &&
          config(at + kCapType, Width::k8) == type) {
        return at;
      }
    }
    return 0;
  }

  FakeEntropy port;
  Machine<Entropy> machine{port};
  Driver& driver = machine.driver;
};

TEST_F(TransportTest, IdentifiesAModernDevice) {  // 4.1.2
  EXPECT_EQ(config(0, Width::k32), 0x1044'1AF4u);
  EXPECT_GE(config(pci::kRevisionId, Width::k8), 1u);
}

TEST_F(TransportTest, CapabilitiesDescribeTheStructures) {  // 4.1.4
  const std::pair<unsigned, std::uint64_t> structures[] = {{kCommonConfig, kCommonStart},
                                                           {kNotifyConfig, kNotifyStart},
                                                           {kIsrConfig, kIsrStart},
                                                           {kDeviceConfig, kDeviceStart}};
  for (const auto& [type, start] : structures) {
    const unsigned at = find_capability(type);
    ASSERT_NE(at, 0u) << type;
    EXPECT_EQ(config(at + kCapBar, Width::k8), 0u);
    EXPECT_EQ(config(at + kCapOffset, Width::k32), start);
    EXPECT_LE(start + config(at + kCapSize, Width::k32), kStructuresBarSize);
  }
  EXPECT_EQ(config(find_capability(kNotifyConfig) + kCapNotifyMultiplier, Width::k32), 4u);
  EXPECT_EQ(config(find_capability(kNotifyConfig) + kCapLength, Width::k8), 20u);
}

TEST_F(TransportTest, PciConfigWindowReachesTheBars) {  // 4.1.4.9
  const unsigned at = find_capability(kPciConfig);
  ASSERT_NE(at, 0u);
  set_config(at + kCapBar, Width::k8, 0);
  set_config(at + kCapSize, Width::k32, 1);
  set_config(at + kCapOffset, Width::k32, 0x14);
  set_config(at + kCapPciConfigData, Width::k8, kAcknowledge);
  EXPECT_EQ(driver.status(), kAcknowledge);
  EXPECT_EQ(config(at + kCapPciConfigData, Width::k8), kAcknowledge);
  set_config(at + kCapBar, Width::k8, 0xFF);
  set_config(at + kCapPciConfigData, Width::k8, 0xFF);
  EXPECT_EQ(driver.status(), kAcknowledge);
}

TEST_F(TransportTest, FeaturesAreOfferedInTwoHalves) {  // 4.1.4.3
  EXPECT_EQ(driver.offered(), kVersion1 | kIndirectDescriptors | kEventIndex | kRingPacked);
  driver.set(CommonField::kDeviceFeatureSelect, 2);
  EXPECT_EQ(driver.get(CommonField::kDeviceFeature), 0u);
}

TEST_F(TransportTest, RefusesFeaturesItDidNotOffer) {  // 2.2.2, 6.1
  EXPECT_FALSE(driver.negotiate(kVersion1 | feature(5)));
  EXPECT_FALSE(driver.negotiate(kIndirectDescriptors)) << "VERSION_1 is missing";
  EXPECT_TRUE(driver.negotiate(kVersion1));
}

TEST_F(TransportTest, FeaturesAreFixedAfterFeaturesOk) {  // 3.1.1
  ASSERT_TRUE(driver.negotiate(kVersion1));
  driver.set(CommonField::kDriverFeatureSelect, 0);
  driver.set(CommonField::kDriverFeature, kEventIndex);
  EXPECT_EQ(driver.get(CommonField::kDriverFeature), 0u);
}

TEST_F(TransportTest, StatusBitsStayUntilReset) {  // 2.1.1
  driver.set_status(kAcknowledge | kDriver);
  driver.set_status(kAcknowledge);
  EXPECT_EQ(driver.status(), kAcknowledge | kDriver);
  driver.set_status(0);
  EXPECT_EQ(driver.status(), 0);
}

TEST_F(TransportTest, DriverCannotSetNeedsReset) {  // 2.1.1
  driver.set_status(kAcknowledge | kDeviceNeedsReset);
  EXPECT_EQ(driver.status(), kAcknowledge);
}

TEST_F(TransportTest, QueuesBeyondTheLastHaveNoSize) {  // 4.1.4.3
  EXPECT_EQ(driver.get(CommonField::kNumQueues), 1u);
  EXPECT_EQ(driver.get(CommonField::kQueueSize), 64u);
  driver.set(CommonField::kQueueSelect, 1);
  EXPECT_EQ(driver.get(CommonField::kQueueSize), 0u);
  driver.set(CommonField::kQueueSize, 8);
  driver.set(CommonField::kQueueEnable, 1);
  EXPECT_EQ(driver.get(CommonField::kQueueEnable), 0u);
}

TEST_F(TransportTest, QueueAddressesTakeHalves) {  // 4.1.3.1
  machine.device.write(0, 0x20, Width::k32, 0x1111'2220);
  machine.device.write(0, 0x24, Width::k32, 0x3333'4444);
  EXPECT_EQ(driver.get(CommonField::kQueueDesc), 0x3333'4444'1111'2220u);
  EXPECT_EQ(machine.device.read(0, 0x24, Width::k32), 0x3333'4444u);
}

TEST_F(TransportTest, EnabledQueueIsFixedUntilReset) {  // 4.1.4.3.2
  driver.set(CommonField::kQueueSize, 8);
  driver.set(CommonField::kQueueEnable, 1);
  driver.set(CommonField::kQueueSize, 16);
  driver.set(CommonField::kQueueEnable, 0);
  EXPECT_EQ(driver.get(CommonField::kQueueSize), 8u);
  EXPECT_EQ(driver.get(CommonField::kQueueEnable), 1u);
  driver.set_status(0);
  EXPECT_EQ(driver.get(CommonField::kQueueSize), 64u);
  EXPECT_EQ(driver.get(CommonField::kQueueEnable), 0u);
}

TEST_F(TransportTest, ImpossibleQueueNeedsAReset) {
  for (const std::uint16_t size : {0, 3, 128}) {
    ASSERT_TRUE(driver.negotiate(kVersion1));
    driver.set_up_queue(0, size);
    driver.set_status(0xF);
    EXPECT_TRUE(machine.needs_reset()) << size;
  }
}

TEST_F(TransportTest, VectorsThatAreNotThereReadBackAsNone) {  // 4.1.5.1.2.1
  driver.set(CommonField::kQueueMsixVector, 1);
  EXPECT_EQ(driver.get(CommonField::kQueueMsixVector), 1u);
  driver.set(CommonField::kQueueMsixVector, 2);
  EXPECT_EQ(driver.get(CommonField::kQueueMsixVector), kNoVector);
  driver.set(CommonField::kConfigMsixVector, 100);
  EXPECT_EQ(driver.get(CommonField::kConfigMsixVector), kNoVector);
}

TEST_F(TransportTest, IntxAndIsrWithoutMsix) {  // 4.1.5.3
  ASSERT_TRUE(driver.start(0));
  driver.queue(0).add({{kBuffers, 8, true}});
  driver.notify(0);
  EXPECT_TRUE(machine.host.line(0));
  EXPECT_EQ(driver.read_isr(), kQueueInterrupt);
  EXPECT_FALSE(machine.host.line(0));
  EXPECT_EQ(driver.read_isr(), 0);
}

TEST_F(TransportTest, MsixVectorsWithoutIsr) {  // 4.1.4.5
  driver.enable_msix(2);
  ASSERT_TRUE(driver.start(0));
  driver.queue(0).add({{kBuffers, 8, true}});
  driver.notify(0);
  EXPECT_EQ(machine.host.msis, (std::vector<Msi>{{Driver::kMsiAddress, 0x41}}));
  EXPECT_EQ(driver.read_isr(), 0);
  EXPECT_FALSE(machine.host.line(0));
}

TEST_F(TransportTest, NotificationDoesNotWaitForTheWork) {
  ASSERT_TRUE(driver.start(0));
  driver.queue(0).add({{kBuffers, 8, true}});
  machine.device.write(0, kNotifyStart, Width::k16, 0);
  machine.device.write(0, kNotifyStart, Width::k16, 0);
  EXPECT_FALSE(driver.queue(0).take_used());
  EXPECT_LE(machine.host.run_posted(), 3u) << "notifications are merged";
  EXPECT_TRUE(driver.queue(0).take_used());
}

TEST_F(TransportTest, NotificationsOutsideOfServiceDoNothing) {
  machine.device.write(0, kNotifyStart, Width::k16, 0);
  machine.device.write(0, kNotifyStart + 0x800, Width::k16, 0);
  EXPECT_EQ(machine.host.run_posted(), 0u);
}

TEST_F(TransportTest, OddAccessesAreHarmless) {
  for (std::uint64_t offset = 0; offset < kStructuresBarSize; offset += 3) {
    for (const Width width : {Width::k8, Width::k16, Width::k32, Width::k64}) {
      machine.device.read(0, offset, width);
      machine.device.write(0, offset, width, 0x5A5A'5A5A'5A5A'5A5A);
    }
  }
  machine.host.run_posted();
  driver.set_status(0);
  EXPECT_TRUE(driver.start(0));
}

TEST_F(TransportTest, MachineResetIsADeviceReset) {
  driver.enable_msix(2);
  ASSERT_TRUE(driver.start(0));
  machine.device.reset();
  EXPECT_EQ(driver.status(), 0);
  EXPECT_EQ(driver.get(CommonField::kQueueMsixVector), kNoVector);
}

}  // namespace
}  // namespace orrery::testing
