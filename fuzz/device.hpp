// Drives any device with random accesses, time, and saved states: the guest's and the state file's
// side of a device model. Nothing that they do may trip an assertion or a sanitizer.
#pragma once

#include <cstddef>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "device/device.hpp"
#include "input.hpp"
#include "support/fake_host.hpp"

namespace orrery::fuzz {

// One operation is a byte that says what, and what it takes.
inline constexpr unsigned kLongestRun = 128;

// A state that a device saved is one that it takes back, and that it saves again.
inline void check_round_trip(device::Device& device) {
  const device::State saved = device.save();
  ORRERY_ASSERT(device.restore(saved).has_value());
  ORRERY_ASSERT(device.save() == saved);
}

// The saved state with one number in it replaced.
inline void restore_damaged(device::Device& device, Input& input) {
  device::State state = device.save().flatten();
  if (state.empty()) return;
  auto field = state.begin();
  std::advance(field, input.take<std::uint16_t>() % state.size());
  *field = input.take<std::uint8_t>() % 2 == 0 ? device::State(input.take<std::int64_t>())
                                               : device::State(input.take<std::uint8_t>());
  // Devices refuse it or become it; either way they go on.
  (void)device.restore(state.unflatten()).has_value();
}

struct Shape {
  unsigned regions = 1;
  std::uint64_t region_size = 8;
};

inline void access(device::Device& device, const Shape& shape, Input& input, bool writes) {
  constexpr Width kWidths[] = {Width::k8, Width::k16, Width::k32, Width::k64};
  const auto how = input.take<std::uint8_t>();
  const unsigned region = how % (shape.regions + 1);  // one too many now and then
  const Width width = kWidths[how >> 6];
  const std::uint64_t offset = input.take<std::uint16_t>() % (shape.region_size + 4);
  if (writes) {
    device.write(region, offset, width, input.take<std::uint32_t>() & mask_of(width));
  } else {
    ORRERY_ASSERT((device.read(region, offset, width) & ~mask_of(width)) == 0);
  }
}

// EXTRA does what is special to one device, as often as the input asks for it.
template <typename Extra>
void drive(device::Device& device, testing::FakeHost& host, const Shape& shape, Input& input,
           Extra extra) {
  const unsigned states_allowed = most_states(input);
  unsigned states = 0;
  for (unsigned i = 0; i < kLongestRun && !input.empty(); ++i) {
    switch (input.take<std::uint8_t>() % 16) {
      default: access(device, shape, input, true); break;
      case 7:
      case 8:
      case 9: access(device, shape, input, false); break;
      case 10:
      case 11: host.advance(Ticks(input.take<std::uint32_t>() % (1u << 24))); break;
      case 12: extra(input); break;
      case 13:
        if (states++ < states_allowed) check_round_trip(device);
        break;
      case 14:
        if (states++ < states_allowed) restore_damaged(device, input);
        break;
      case 15:
        if (input.take<std::uint8_t>() % 8 == 0) device.reset();
        break;
    }
    host.run_posted(16);
  }
}

}  // namespace orrery::fuzz
