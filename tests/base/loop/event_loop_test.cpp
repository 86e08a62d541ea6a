// The event loop: posted work, timers, descriptors (base/event_loop.hpp).
#include "base/loop/event_loop.hpp"

#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"

namespace orrery {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class EventLoopTest : public ::testing::Test {
 protected:
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
};

TEST_F(EventLoopTest, RunsPostedWorkInOrderOnTheLoop) {
  std::vector<int> order;
  std::thread other([&] {
    loop_->post([&] { order.push_back(1); });
    loop_->post([&] {
      order.push_back(loop_->on_loop_thread() ? 2 : -1);
      loop_->stop();
    });
  });
  loop_->run();
  other.join();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_FALSE(loop_->on_loop_thread());
}

TEST_F(EventLoopTest, StopThatComesBeforeRunIsNotLost) {
  loop_->stop();
  loop_->run();
  bool ran = false;
  loop_->post([&] {
    ran = true;
    loop_->stop();
  });
  loop_->run();
  EXPECT_TRUE(ran);
}

TEST_F(EventLoopTest, RingsTimersInOrderAndNeverEarly) {
  std::vector<int> order;
  const auto start = steady_clock::now();
  SteadyTime rang;
  auto late = loop_->create_timer([&] {
    order.push_back(2);
    rang = steady_clock::now();
    loop_->stop();
  });
  auto early = loop_->create_timer([&] { order.push_back(1); });
  late->arm(start + 5ms);
  early->arm(start + 1ms);
  loop_->run();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_GE(rang, start + 5ms);
}

TEST_F(EventLoopTest, RearmingReplacesTheDeadlineAndCancelForgetsIt) {
  int rings = 0;
  auto moved = loop_->create_timer([&] { ++rings; });
  auto cancelled = loop_->create_timer([&] { rings += 100; });
  auto end = loop_->create_timer([&] { loop_->stop(); });
  const auto now = steady_clock::now();
  moved->arm(now);
  moved->arm(now + 1ms);
  cancelled->arm(now + 1ms);
  cancelled->cancel();
  end->arm(now + 4ms);
  loop_->run();
  EXPECT_EQ(rings, 1);
}

TEST_F(EventLoopTest, TimerThatRearmsInThePastLetsOthersRun) {
  int rings = 0;
  std::unique_ptr<LoopTimer> eager;
  eager = loop_->create_timer([&] {
    ++rings;
    eager->arm(SteadyTime{});
  });
  eager->arm(SteadyTime{});
  auto end = loop_->create_timer([&] { loop_->stop(); });
  end->arm(steady_clock::now() + 1ms);
  loop_->run();
  EXPECT_GT(rings, 1);
}

TEST_F(EventLoopTest, TimerMayDestroyItselfWhenItRings) {
  std::unique_ptr<LoopTimer> timer;
  timer = loop_->create_timer([&] {
    timer.reset();
    loop_->stop();
  });
  timer->arm(steady_clock::now());
  loop_->run();
  EXPECT_EQ(timer, nullptr);
}

TEST_F(EventLoopTest, WatchIsLevelTriggeredAndPauses) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const FileDescriptor reader(ends[0]);
  const FileDescriptor writer(ends[1]);
  ASSERT_EQ(::write(writer.get(), "ab", 2), 2);
  std::string seen;
  std::unique_ptr<Watch> watch;
  watch = loop_
              ->watch(reader.get(), Readiness::kReadable,
                      [&] {
                        char byte = 0;
                        ASSERT_EQ(::read(reader.get(), &byte, 1), 1);
                        seen += byte;
                        if (seen.size() == 1) {
                          watch->pause();
                          loop_->post([&] { watch->resume(); });
                        } else {
                          watch.reset();
                          loop_->stop();
                        }
                      })
              .value();
  loop_->run();
  EXPECT_EQ(seen, "ab");
}

TEST_F(EventLoopTest, RegularFilesAreAlwaysReady) {
  const FileDescriptor file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  int calls = 0;
  auto watch = loop_->watch(file.get(), Readiness::kReadable, [&] {
    if (++calls == 3) loop_->stop();
  });
  ASSERT_TRUE(watch.has_value()) << watch.error().message();
  loop_->run();
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace orrery
