// Short forms for a test's accesses to a device, and its save/restore round trip.
#pragma once

#include <cstdint>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "device/device.hpp"

namespace orrery::testing {

inline std::uint8_t read8(device::Device& device, unsigned region, std::uint64_t offset) {
  return static_cast<std::uint8_t>(device.read(region, offset, Width::k8));
}
inline std::uint32_t read32(device::Device& device, unsigned region, std::uint64_t offset) {
  return static_cast<std::uint32_t>(device.read(region, offset, Width::k32));
}
inline void write8(device::Device& device, unsigned region, std::uint64_t offset,
                   std::uint8_t value) {
  device.write(region, offset, Width::k8, value);
}
inline void write32(device::Device& device, unsigned region, std::uint64_t offset,
                    std::uint32_t value) {
  device.write(region, offset, Width::k32, value);
}

// What SAVED saved comes back in FRESH, another instance after power-up; and FRESH refuses damaged
// trees without changing.
inline void expect_round_trip(const device::Device& saved, device::Device& fresh) {
  const device::State state = saved.save();
  const auto restored = fresh.restore(state);
  ASSERT_TRUE(restored.has_value()) << restored.error().message();
  EXPECT_EQ(fresh.save(), state);
  for (const auto& field : state.items()) {
    device::State without = state;
    without.erase(field.key());
    EXPECT_FALSE(fresh.restore(without).has_value()) << "accepted a state without " << field.key();
    device::State wrong = state;
    wrong[field.key()] = "?";
    EXPECT_FALSE(fresh.restore(wrong).has_value()) << "accepted a wrong " << field.key();
  }
  EXPECT_FALSE(fresh.restore(device::State(7)).has_value());
  EXPECT_EQ(fresh.save(), state);
}

}  // namespace orrery::testing
