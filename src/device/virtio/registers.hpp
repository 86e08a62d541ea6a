// The face of virtio that all transports and device types share (Virtual I/O Device Version 1.2;
// sections are given as "virtio 1.2, n.n").
#pragma once

#include <cstdint>

namespace orrery::device::virtio {

// Device types (virtio 1.2, 5).
enum class DeviceType : std::uint8_t { kNetwork = 1, kBlock = 2, kConsole = 3, kEntropy = 4 };

// Device status (2.1).
enum StatusBit : std::uint8_t {
  kAcknowledge = 1u << 0,
  kDriver = 1u << 1,
  kDriverOk = 1u << 2,
  kFeaturesOk = 1u << 3,
  kDeviceNeedsReset = 1u << 6,
  kFailed = 1u << 7,
};

// A set of feature bits (2.2), and the device-independent ones (6).
using Features = std::uint64_t;
constexpr Features feature(unsigned bit) {
  return Features{1} << bit;
}
inline constexpr Features kIndirectDescriptors = feature(28);
inline constexpr Features kEventIndex = feature(29);
inline constexpr Features kVersion1 = feature(32);
inline constexpr Features kRingPacked = feature(34);

}  // namespace orrery::device::virtio
