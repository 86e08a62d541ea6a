// INTx pins through PIRQ lines to IRQs (PIIX3 datasheet, 2.2.10).
#include "device/pci/interrupt_router.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "device/pci/isa_bridge.hpp"
#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::testing {
namespace {

using namespace device::pci;
using Changes = std::vector<std::pair<unsigned, bool>>;

class InterruptRouterTest : public ::testing::Test {
 protected:
  Changes changes;
  InterruptRouter router{[this](unsigned irq, bool level) { changes.emplace_back(irq, level); }};
  FakeHost host;
  IsaBridge bridge{host, router};
};

TEST_F(InterruptRouterTest, PinsOfNeighbouringSlotsTakeDifferentLines) {
  EXPECT_EQ(InterruptRouter::line_of(1, Pin::kA), 0u);
  EXPECT_EQ(InterruptRouter::line_of(2, Pin::kA), 1u);
  EXPECT_EQ(InterruptRouter::line_of(2, Pin::kD), 0u);
  EXPECT_EQ(InterruptRouter::line_of(5, Pin::kA), 0u);
}

TEST_F(InterruptRouterTest, UnroutedLinesReachNothing) {
  router.set_pin(1, Pin::kA, true);
  EXPECT_TRUE(changes.empty());
  EXPECT_EQ(read8(bridge, 6, 0x60), 0x80);
}

TEST_F(InterruptRouterTest, RouteRegistersMoveAnAssertedLine) {
  write8(bridge, 6, 0x60, 10);
  router.set_pin(1, Pin::kA, true);
  write8(bridge, 6, 0x60, 11);
  write8(bridge, 6, 0x60, 0x80);
  EXPECT_EQ(changes, (Changes{{10, true}, {10, false}, {11, true}, {11, false}}));
}

TEST_F(InterruptRouterTest, ReservedIrqsAreNotRouted) {
  for (const std::uint8_t irq : {0, 1, 2, 8, 13}) {
    write8(bridge, 6, 0x61, irq);
    EXPECT_FALSE(router.route(1).has_value()) << unsigned{irq};
  }
}

TEST_F(InterruptRouterTest, SharedIrqIsAssertedWhileAnyPinIs) {
  bridge.program_default_routes();
  router.set_pin(1, Pin::kA, true);  // PIRQA
  router.set_pin(3, Pin::kA, true);  // PIRQC, the same IRQ
  router.set_pin(1, Pin::kA, false);
  EXPECT_EQ(changes, (Changes{{10, true}}));
  router.set_pin(3, Pin::kA, false);
  EXPECT_EQ(changes, (Changes{{10, true}, {10, false}}));
}

TEST_F(InterruptRouterTest, StateComesBack) {
  bridge.program_default_routes();
  InterruptRouter other([](unsigned, bool) {});
  IsaBridge fresh(host, other);
  expect_round_trip(bridge, fresh);
  EXPECT_EQ(other.route(1), 11);
}

}  // namespace
}  // namespace orrery::testing
