// The proof of exactly-once effects at length (exactly_once_test.cpp has the short ones).
#include "remote/counting.hpp"
#include "remote/register_counting.hpp"

namespace orrery::remote {
namespace {

TEST(ExactlyOnce, AMillionTimesUnderThousandsOfCuts) {
  const auto outcome =
      run_counted(1'000'000, {.seed = 23, .bytes_to_cut = 100'000, .one_in_delays = 500}, {});
  expect_each_once(outcome, 1'000'000);
  EXPECT_GE(outcome.cuts, 2'000u);
  RecordProperty("cuts", static_cast<int>(outcome.cuts));
}

TEST(ExactlyOnce, AMillionAccessesToRegistersUnderCuts) {
  constexpr std::uint64_t kAccesses = 1'000'000;
  const auto server = counting_server("127.0.0.1:0", {});
  FaultyRelay relay(server->port(), {.seed = 29, .bytes_to_cut = 200'000, .one_in_delays = 5'000});
  RegisterVm vm({relay.port()}, RegisterVm::Routes::kFollow, {});
  EXPECT_EQ(count_accesses(vm, kAccesses), kAccesses);
  EXPECT_EQ(vm.read(CountingRegisters::kRead), kAccesses + 1);
  EXPECT_GE(relay.cuts(), 1'000u);
  RecordProperty("cuts", static_cast<int>(relay.cuts()));
}

}  // namespace
}  // namespace orrery::remote
