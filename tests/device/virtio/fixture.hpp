// A host with 1 MiB of memory, a virtio device on PCI, and its driver. Buffers are at kBuffers.
#pragma once

#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "device/virtio/driver.hpp"
#include "device/virtio/transport/pci_transport.hpp"
#include "support/device_access.hpp"
#include "support/fake_host.hpp"
#include "support/fake_ports.hpp"

namespace orrery::testing {

inline constexpr std::uint64_t kBuffers = 0x8'0000;
inline constexpr std::uint64_t kTable = 0x7'0000;
inline constexpr std::uint64_t kNoRam = 0x100'0000;

// The ring formats and notification schemes that every device must work with.
struct RingParameters {
  const char* name;
  virtio::Features features;
};
inline constexpr RingParameters kRings[] = {
    {"Split", 0},
    {"SplitEventIndex", virtio::kEventIndex},
    {"Packed", virtio::kRingPacked},
    {"PackedEventIndex", virtio::kRingPacked | virtio::kEventIndex},
};
inline void PrintTo(const RingParameters& ring, std::ostream* out) {
  *out << ring.name;
}
inline std::string ring_name(const ::testing::TestParamInfo<RingParameters>& info) {
  return info.param.name;
}

template <typename Model>
struct Machine {
  template <typename... Arguments>
  explicit Machine(Arguments&&... arguments)
      : Machine(std::make_unique<Model>(std::forward<Arguments>(arguments)...)) {}
  explicit Machine(std::unique_ptr<Model> owned) : model(*owned), device(host, std::move(owned)) {}

  bool needs_reset() { return (driver.status() & virtio::kDeviceNeedsReset) != 0; }

  FakeHost host{1 << 20};
  Model& model;
  virtio::PciTransport device;
  Driver driver{host, device};
};

}  // namespace orrery::testing
