// The proof of exactly-once effects at length (exactly_once_test.cpp has the short ones).
#include "remote/counting.hpp"

namespace orrery::remote {
namespace {

TEST(ExactlyOnce, AMillionTimesUnderThousandsOfCuts) {
  const auto outcome =
      run_counted(1'000'000, {.seed = 23, .bytes_to_cut = 100'000, .one_in_delays = 500}, {});
  expect_each_once(outcome, 1'000'000);
  EXPECT_GE(outcome.cuts, 2'000u);
  RecordProperty("cuts", static_cast<int>(outcome.cuts));
}

}  // namespace
}  // namespace orrery::remote
