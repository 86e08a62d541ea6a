// The face of PCI: configuration space of a type 0 header (PCI Local Bus Specification 3.0, chapter
// 6) and the configuration mechanism of a PC host bridge (3.2.2.3.2; 440FX datasheet, 3.1).
#pragma once

#include <cstdint>

namespace orrery::device::pci {

inline constexpr unsigned kConfigSize = 256;  // 6.1
inline constexpr unsigned kBarCount = 6;
inline constexpr unsigned kSlotCount = 32;
inline constexpr unsigned kFunctionCount = 8;

// Offsets in a type 0 configuration header (figure 6-1).
enum ConfigOffset : std::uint8_t {
  kVendorId = 0x00,
  kDeviceId = 0x02,
  kCommand = 0x04,
  kStatus = 0x06,
  kRevisionId = 0x08,
  kClassCode = 0x09,  // 3 bytes: programming interface, sub-class, base class
  kCacheLineSize = 0x0C,
  kLatencyTimer = 0x0D,
  kHeaderType = 0x0E,
  kBaseAddress0 = 0x10,
  kSubsystemVendorId = 0x2C,
  kSubsystemId = 0x2E,
  kCapabilitiesPointer = 0x34,
  kInterruptLine = 0x3C,
  kInterruptPin = 0x3D,
  kDeviceSpecific = 0x40,
};

// Command register (6.2.2).
enum CommandBit : std::uint16_t {
  kIoSpace = 1u << 0,
  kMemorySpace = 1u << 1,
  kBusMaster = 1u << 2,
  kParityErrorResponse = 1u << 6,
  kSerrEnable = 1u << 8,
  kInterruptDisable = 1u << 10,
};

// Status register (6.2.3).
enum StatusBit : std::uint16_t {
  kInterruptStatus = 1u << 3,
  kCapabilitiesList = 1u << 4,
};

inline constexpr std::uint8_t kMultiFunction = 1u << 7;  // header type (6.2.1)

// Base address registers (6.2.5.1).
enum BaseAddressBit : std::uint32_t {
  kBarIo = 1u << 0,
  kBarMemory64 = 2u << 1,
  kBarPrefetchable = 1u << 3,
};

// Capability identifiers (appendix H).
enum CapabilityId : std::uint8_t { kCapabilityVendor = 0x09, kCapabilityMsix = 0x11 };

// MSI-X capability (6.8.2): id, next, message control, table offset and BIR, PBA offset and BIR.
enum MsixOffset : std::uint8_t {
  kMsixControl = 2,
  kMsixTable = 4,
  kMsixPendingBits = 8,
  kMsixCapabilitySize = 12,
};
enum MsixControlBit : std::uint16_t {
  kMsixTableSize = 0x7FF,  // entries - 1
  kMsixFunctionMask = 1u << 14,
  kMsixEnable = 1u << 15,
};

// One MSI-X table entry (figure 6-11):
//   +0 message address, +4 upper address, +8 message data, +12 vector control (bit 0: masked)
inline constexpr unsigned kMsixEntrySize = 16;
inline constexpr std::uint32_t kMsixVectorMasked = 1u << 0;

// Configuration mechanism #1: CONFIG_ADDRESS at port 0CF8h, CONFIG_DATA at 0CFCh.
//   31 enable │ 30..24 0 │ 23..16 bus │ 15..11 device │ 10..8 function │ 7..2 register │ 0 0
inline constexpr std::uint16_t kConfigAddressPort = 0xCF8;
inline constexpr std::uint16_t kConfigPortCount = 8;
inline constexpr std::uint32_t kConfigEnable = 1u << 31;

// Reset Control Register, port 0CF9h (PIIX3 datasheet, 2.5.4.3): a rise of kResetCpu resets the
// machine.
inline constexpr std::uint16_t kResetControlPort = 0xCF9;
enum ResetControlBit : std::uint8_t { kSystemReset = 1u << 1, kResetCpu = 1u << 2 };

}  // namespace orrery::device::pci
