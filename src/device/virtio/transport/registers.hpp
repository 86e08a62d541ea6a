// Virtio over PCI (virtio 1.2, 4.1): identifiers, capabilities and the common configuration
// structure.
#pragma once

#include <cstdint>

#include "base/width.hpp"
#include "device/pci/registers.hpp"

namespace orrery::device::virtio {

// 4.1.2 PCI Device Discovery
inline constexpr std::uint16_t kPciVendor = 0x1AF4;
inline constexpr std::uint16_t kPciDeviceBase = 0x1040;  // plus the device type
inline constexpr std::uint8_t kPciRevision = 1;          // not transitional

// 4.1.4 cfg_type of a capability
enum PciCapabilityType : std::uint8_t {
  kCommonConfig = 1,
  kNotifyConfig = 2,
  kIsrConfig = 3,
  kDeviceConfig = 4,
  kPciConfig = 5,
};

// 4.1.4 struct virtio_pci_cap, as offsets in configuration space from the capability's start.
enum PciCapabilityOffset : std::uint8_t {
  kCapLength = 2,
  kCapType = 3,
  kCapBar = 4,
  kCapOffset = 8,
  kCapSize = 12,
  kCapEnd = 16,
  kCapNotifyMultiplier = 16,  // struct virtio_pci_notify_cap
  kCapPciConfigData = 16,     // struct virtio_pci_cfg_cap
  kCapExtendedEnd = 20,
};

// Where we put the structures in BAR 0; each has a page of its own, so that a hypervisor can treat
// them apart. BAR 1 holds the MSI-X table and, in its second half, the pending bits.
inline constexpr unsigned kStructuresBar = 0;
inline constexpr std::uint64_t kStructuresBarSize = 0x4000;
inline constexpr std::uint64_t kCommonStart = 0x0000;
inline constexpr std::uint64_t kIsrStart = 0x1000;
inline constexpr std::uint64_t kDeviceStart = 0x2000;
inline constexpr std::uint64_t kNotifyStart = 0x3000;
inline constexpr std::uint64_t kStructureSize = 0x1000;
inline constexpr unsigned kMsixBar = 1;
inline constexpr std::uint64_t kMsixBarSize = 0x1000;
inline constexpr std::uint64_t kMsixPendingStart = 0x800;
inline constexpr unsigned kMostVectors = kMsixPendingStart / pci::kMsixEntrySize;

// Queue n is notified at kNotifyStart + 4n (4.1.4.4).
inline constexpr std::uint32_t kNotifyMultiplier = 4;

inline constexpr std::uint16_t kNoVector = 0xFFFF;  // VIRTIO_MSI_NO_VECTOR (4.1.5.1.2)

// 4.1.4.5 ISR status: reading it clears it.
enum IsrBit : std::uint8_t { kQueueInterrupt = 1u << 0, kConfigurationInterrupt = 1u << 1 };

// 4.1.4.3 struct virtio_pci_common_cfg
enum class CommonField : std::uint8_t {
  kDeviceFeatureSelect,
  kDeviceFeature,
  kDriverFeatureSelect,
  kDriverFeature,
  kConfigMsixVector,
  kNumQueues,
  kDeviceStatus,
  kConfigGeneration,
  kQueueSelect,
  kQueueSize,
  kQueueMsixVector,
  kQueueEnable,
  kQueueNotifyOff,
  kQueueDesc,
  kQueueDriver,
  kQueueDevice,
};

struct CommonRegister {
  CommonField field;
  std::uint8_t offset;
  Width width;
};

inline constexpr CommonRegister kCommonRegisters[] = {
    {CommonField::kDeviceFeatureSelect, 0x00, Width::k32},
    {CommonField::kDeviceFeature, 0x04, Width::k32},
    {CommonField::kDriverFeatureSelect, 0x08, Width::k32},
    {CommonField::kDriverFeature, 0x0C, Width::k32},
    {CommonField::kConfigMsixVector, 0x10, Width::k16},
    {CommonField::kNumQueues, 0x12, Width::k16},
    {CommonField::kDeviceStatus, 0x14, Width::k8},
    {CommonField::kConfigGeneration, 0x15, Width::k8},
    {CommonField::kQueueSelect, 0x16, Width::k16},
    {CommonField::kQueueSize, 0x18, Width::k16},
    {CommonField::kQueueMsixVector, 0x1A, Width::k16},
    {CommonField::kQueueEnable, 0x1C, Width::k16},
    {CommonField::kQueueNotifyOff, 0x1E, Width::k16},
    {CommonField::kQueueDesc, 0x20, Width::k64},
    {CommonField::kQueueDriver, 0x28, Width::k64},
    {CommonField::kQueueDevice, 0x30, Width::k64},
};
inline constexpr std::uint64_t kCommonSize = 0x38;

}  // namespace orrery::device::virtio
