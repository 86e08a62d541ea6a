// The debug-exit port.
#include "device/debug_exit/debug_exit.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "support/device_access.hpp"

namespace orrery::device::debug_exit {
namespace {

TEST(DebugExit, TellsWhatWasWritten) {
  std::vector<std::uint32_t> values;
  DebugExit port([&](std::uint32_t value) { values.push_back(value); });
  testing::write32(port, 0, 0, 0x1234);
  testing::write8(port, 0, 1, 7);
  testing::write8(port, 0, 0, 3);
  EXPECT_EQ(values, (std::vector<std::uint32_t>{0x1234, 3}));
  EXPECT_EQ(testing::read8(port, 0, 0), 0);
}

TEST(DebugExit, SaveRestore) {
  DebugExit port([](std::uint32_t) {});
  DebugExit other([](std::uint32_t) {});
  testing::expect_round_trip(port, other);
}

}  // namespace
}  // namespace orrery::device::debug_exit
