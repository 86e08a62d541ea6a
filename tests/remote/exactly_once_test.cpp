// Requests have their effect exactly once, and each is answered, whatever the network does: a
// device on the server counts, behind a relay that cuts connections at any byte.
#include "remote/counting.hpp"

namespace orrery::remote {
namespace {

TEST(ExactlyOnce, WithoutFaults) {
  expect_each_once(run_counted(20'000, {}, {}), 20'000);
}

TEST(ExactlyOnce, WhereConnectionsAreCutAtAnyByte) {
  const auto outcome = run_counted(100'000, {.seed = 20, .bytes_to_cut = 100'000}, {});
  expect_each_once(outcome, 100'000);
  EXPECT_GE(outcome.cuts, 100u);
}

TEST(ExactlyOnce, WhereConnectionsAreCutWithinTheGreeting) {
  const auto outcome = run_counted(1'000, {.seed = 21, .bytes_to_cut = 20'000}, {});
  expect_each_once(outcome, 1'000);
  EXPECT_GE(outcome.cuts, 5u);
}

TEST(ExactlyOnce, WhereTheNetworkIsSlowAndStandsStill) {
  const LinkTiming impatient{std::chrono::milliseconds(20), std::chrono::milliseconds(60)};
  const auto outcome = run_counted(50'000,
                                   {.seed = 22,
                                    .bytes_to_cut = 200'000,
                                    .one_in_delays = 4,
                                    .one_in_stalls = 200,
                                    .stall = std::chrono::milliseconds(100)},
                                   impatient);
  expect_each_once(outcome, 50'000);
}

}  // namespace
}  // namespace orrery::remote
