// Device models that go on at another server: because theirs is gone, or because they are told to.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remote/device_fixture.hpp"

namespace orrery::remote {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kHeader = kBuffers;
constexpr std::uint64_t kStatusByte = kBuffers + 0x800;
constexpr std::uint64_t kData = kBuffers + 0x1000;

class FailoverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    disk.cached = true;
    for (unsigned n = 0; n < 2; ++n) {
      servers[n] = std::make_unique<Served>(disk, frames);
      ports.push_back((*servers[n])->port());
    }
  }
  void start(const std::string& name, Features features = 0) {
    vm = std::make_unique<Vm>(ports);
    const Result<> opened = vm->open(name);
    ASSERT_TRUE(opened) << opened.error().message();
    ASSERT_TRUE(vm->driver().start(features, 16));
  }
  void kill(unsigned number) { servers[number].reset(); }
  void start_again(unsigned number) {
    servers[number] = std::make_unique<Served>(disk, frames, "127.0.0.1:" + ports[number]);
  }
  // The server at which the model is, or is looked for.
  std::string where() { return vm->models().whereabouts().at(0).server; }
  bool is_found() { return vm->models().whereabouts().at(0).found; }

  void add_read(std::uint64_t sector) {
    vm->host().store(kHeader, block::RequestHeader{block::kIn, 0, sector});
    vm->driver().queue(0).add({{kHeader, 16}, {kData, 512, true}, {kStatusByte, 1, true}});
    vm->driver().notify(0);
  }
  bool read(std::uint64_t sector) {
    add_read(sector);
    return vm->take_used().has_value();
  }
  void add_count() {
    vm->driver().queue(0).add({{kData, 8, true}});
    vm->driver().notify(0);
  }
  // What the counter says; 0: nothing.
  std::uint64_t count() {
    add_count();
    return vm->take_used() ? vm->host().load<std::uint64_t>(kData) : 0;
  }
  std::string move(unsigned number) {
    std::optional<std::string> outcome;
    const std::string name = vm->models().whereabouts().at(0).name;
    vm->models().move(name, place_at(ports[number]), [&](const Result<>& moved) {
      outcome = moved ? "" : moved.error().message();
    });
    vm->turn_until([&] { return outcome.has_value(); });
    return outcome.value_or("nothing came of it");
  }

  FakeBlocks disk{kDiskSize};
  FakeFrames frames;
  std::unique_ptr<Served> servers[2];
  std::vector<std::string> ports;
  std::unique_ptr<Vm> vm;
};

TEST_F(FailoverTest, AKilledServersRequestsAreAnsweredByTheNextOne) {
  start("disk0");
  EXPECT_TRUE(read(1));
  kill(0);
  add_read(2);
  ASSERT_TRUE(vm->take_used());
  EXPECT_THAT(where(), HasSubstr(ports[1]));
  start_again(0);
  EXPECT_TRUE(read(3));
  kill(1);
  EXPECT_TRUE(read(4));
  EXPECT_THAT(where(), HasSubstr(ports[0]));
}

TEST_F(FailoverTest, ItIsOpenedWhereItIsToBeFound) {
  kill(0);
  const auto begun = std::chrono::steady_clock::now();
  start("disk0");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
  EXPECT_TRUE(read(1));
}

TEST_F(FailoverTest, WhenAllAreGoneTheFirstToComeBackHasIt) {
  start("disk0");
  EXPECT_TRUE(read(1));
  kill(0);
  kill(1);
  ASSERT_TRUE(vm->turn_until([&] { return !is_found(); }));
  add_read(2);
  start_again(1);
  ASSERT_TRUE(vm->take_used());
  EXPECT_THAT(where(), HasSubstr(ports[1]));
}

// Who gives up a server, or is killed, leaves a session behind that nobody will come back to.
TEST_F(FailoverTest, ASessionLeftBehindIsNotInTheWayOfItsVm) {
  start("disk0");
  EXPECT_TRUE(read(1));
  vm.reset();
  vm = std::make_unique<Vm>(std::vector{ports[0]});
  const auto begun = std::chrono::steady_clock::now();
  Result<> opened = vm->open("disk0");
  while (!opened && std::chrono::steady_clock::now() - begun < ServerLink::Options{}.lease / 2) {
    opened = vm->open("disk0");
  }
  ASSERT_TRUE(opened) << opened.error().message();
  ASSERT_TRUE(vm->driver().start(0, 16));
  EXPECT_TRUE(read(2));
}

// Whatever is cut, each request counts once: a count and the result that it came with are kept
// together, or neither is.
TEST_F(FailoverTest, ACounterCountsEachRequestOnce) {
  constexpr std::uint64_t kRequests = 3'000;
  constexpr unsigned kUnderWay = 12;
  constexpr unsigned kSeed = 77;
  std::mt19937 random(kSeed);
  start("counter");
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  std::uint64_t until_kill = 50;
  unsigned kills = 0;
  std::vector<std::uint64_t> counts;
  ASSERT_TRUE(vm->turn_until([&] {
    while (asked < kRequests && asked - answered < kUnderWay) {
      const std::uint64_t slot = kData + 8 * (asked++ % 16);
      vm->host().store(slot, std::uint64_t{0});
      vm->driver().queue(0).add({{slot, 8, true}});
      vm->driver().notify(0);
    }
    while (vm->driver().queue(0).take_used()) {
      counts.push_back(vm->host().load<std::uint64_t>(kData + 8 * (answered++ % 16)));
    }
    if (answered >= until_kill && is_found()) {
      const unsigned here = where().ends_with(ports[1]) ? 1 : 0;
      kill(here);
      start_again(here);
      ++kills;
      until_kill = answered + 1 + random() % 200;
    }
    return answered == kRequests;
  })) << "seed "
      << kSeed << ": " << answered << " answers";
  std::ranges::sort(counts);
  for (std::uint64_t n = 0; n < kRequests; ++n) {
    ASSERT_EQ(counts[n], n + 1) << "seed " << kSeed << ": a request is missing, or counted twice";
  }
  EXPECT_GE(kills, 10u);
}

TEST_F(FailoverTest, AModelMovesWithWhatItHasCounted) {
  start("counter");
  for (std::uint64_t n = 1; n <= 5; ++n) EXPECT_EQ(count(), n);
  EXPECT_EQ(move(1), "");
  EXPECT_THAT(where(), HasSubstr(ports[1]));
  for (std::uint64_t n = 6; n <= 9; ++n) EXPECT_EQ(count(), n);
  // The server that it left has it no more: another VM may use it there.
  Vm other({ports[0]});
  EXPECT_TRUE(vm->turn_until([&] { return other.open("counter").has_value(); }));
}

TEST_F(FailoverTest, AModelMovesBetweenRequests) {
  constexpr std::uint64_t kRequests = 400;
  start("counter");
  std::uint64_t answered = 0;
  unsigned moves = 0;
  bool moving = false;
  add_count();
  ASSERT_TRUE(vm->turn_until([&] {
    if (!moving && is_found() && answered < kRequests) {
      moving = true;
      vm->models().move("counter", place_at(ports[++moves % 2]), [&](const Result<>& moved) {
        EXPECT_TRUE(moved) << moved.error().message();
        moving = false;
      });
    }
    if (vm->driver().queue(0).take_used()) {
      EXPECT_EQ(vm->host().load<std::uint64_t>(kData), ++answered);
      if (answered < kRequests) add_count();
    }
    return answered == kRequests && !moving;
  }));
  EXPECT_GE(moves, 10u);
}

TEST_F(FailoverTest, AMoveWaitsForTheDiskAndAsksAgainElsewhere) {
  disk.cached = false;  // requests wait with the port
  start("disk0");
  add_read(7);
  ASSERT_TRUE(vm->turn_until([&] {
    bool waits = false;
    (*servers[0])->call([&] { waits = !disk.waiting.empty(); });
    return waits;
  }));
  bool moved = false;
  vm->models().move("disk0", place_at(ports[1]), [&](const Result<>& result) {
    EXPECT_TRUE(result);
    moved = true;
  });
  // Somebody else wants the same, and another one something else.
  bool told_again = false;
  vm->models().move("disk0", place_at(ports[1]), [&](const Result<>& result) {
    EXPECT_TRUE(result);
    told_again = true;
  });
  vm->models().move("disk0", place_at(ports[0]), [](const Result<>& result) {
    EXPECT_THAT(result ? "" : result.error().message(), HasSubstr("being moved already"));
  });
  for (unsigned n = 0; n < 100; ++n) vm->turn();
  EXPECT_FALSE(moved || told_again);
  (*servers[0])->call([&] { disk.complete_all(); });
  ASSERT_TRUE(vm->turn_until([&] { return moved && told_again; }));
  ASSERT_TRUE(vm->turn_until([&] {
    (*servers[1])->call([&] { disk.complete_all(); });
    return vm->driver().queue(0).take_used().has_value();
  }));
}

TEST_F(FailoverTest, AMoveToWhereTheModelIsNotLeavesItWhereItIs) {
  start("counter");
  EXPECT_EQ(count(), 1u);
  Vm other({ports[1]});
  ASSERT_TRUE(other.open("counter"));
  bool done = false;
  vm->models().move("counter", place_at(ports[1]), [&](const Result<>& result) {
    EXPECT_THAT(result ? "" : result.error().message(), HasSubstr("in use"));
    done = true;
  });
  ASSERT_TRUE(vm->turn_until([&] { return done; }));
  EXPECT_EQ(count(), 2u);
  EXPECT_THAT(where(), HasSubstr(ports[0]));
  EXPECT_THAT(move(0), "");
  vm->models().move("nothing", place_at(ports[1]),
                    [](const Result<>& result) { EXPECT_FALSE(result); });
}

TEST_F(FailoverTest, AMoveToWhereNobodyIsLeavesItWhereItIs) {
  start("counter");
  EXPECT_EQ(count(), 1u);
  kill(1);
  EXPECT_THAT(move(1), HasSubstr("cannot be reached"));
  EXPECT_EQ(count(), 2u);
  EXPECT_THAT(where(), HasSubstr(ports[0]));
  ports.emplace_back("1");  // another one, which it does not know yet
  EXPECT_THAT(move(2), HasSubstr("cannot be reached"));
  EXPECT_EQ(count(), 3u);
}

TEST_F(FailoverTest, AMoveToWhereNobodyIsDoesNotEndAtAThirdPlace) {
  start("counter");
  ports.emplace_back("1");  // nobody is there
  for (unsigned n = 1; n <= 10; ++n) {
    EXPECT_THAT(move(2), HasSubstr("cannot be reached"));
    EXPECT_EQ(count(), n);
    EXPECT_THAT(where(), HasSubstr(ports[0]));
  }
}

// What the driver wrote to the configuration has no request: it comes along as well.
TEST_F(FailoverTest, AWriteOfConfigurationComesAlong) {
  start("disk0", block::kFlush | block::kConfigWce);
  constexpr std::uint64_t kWriteback = kDeviceStart + offsetof(block::Config, writeback);
  vm->machine().device.write(kStructuresBar, kWriteback, Width::k8, 0);
  EXPECT_TRUE(read(1));
  kill(0);
  EXPECT_TRUE(read(2));
  ASSERT_TRUE(vm->turn_until(
      [&] { return vm->machine().device.read(kStructuresBar, kWriteback, Width::k8) == 0; }));
}

// A driver that begins anew begins with a model as it is at its start.
TEST_F(FailoverTest, AResetForgetsTheSettings) {
  start("counter");
  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(count(), 2u);
  vm->driver().set_status(0);
  std::fill_n(vm->host().memory.begin() + Driver::kQueues, Driver::kQueueArea, std::byte{0});
  ASSERT_TRUE(vm->driver().start(0, 16));
  kill(0);
  EXPECT_EQ(count(), 1u);
}

}  // namespace
}  // namespace orrery::remote
