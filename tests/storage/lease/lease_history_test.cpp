// Random histories of hosts that want to write to one disk (storage/lease/lease.hpp): they are
// paused at any point, crash, start anew, have clocks of their own, and links that are slow or lose
// what was asked or answered. However that goes, what they write never interleaves.
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "storage/lease/memory_leases.hpp"

namespace orrery::storage {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::LeaseFiles;

constexpr milliseconds kDuration{2000};
constexpr Moment kNever{std::numeric_limits<std::int64_t>::max()};

struct Ended {};   // the history has
struct Killed {};  // by the kernel's timer, or a crash

struct Counts {
  unsigned writes = 0;
  unsigned owners = 0;
  unsigned kills = 0;
  unsigned waited_out = 0;  // owners that others waited for, in vain
  std::string wrong;
};

// Something that one gives and another one takes.
class Turn {
 public:
  void give() {
    {
      const std::lock_guard lock(mutex_);
      given_ = true;
    }
    changed_.notify_one();
  }
  void take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return given_; });
    given_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool given_ = false;
};

// What time it is, and who goes on when. One host runs at a time, until it waits.
class World {
 public:
  explicit World(std::uint64_t seed) : random(seed) {}

  void add(std::function<void()> life) {
    hosts_.push_back(std::make_unique<Host>());
    hosts_.back()->life = std::move(life);
  }
  void run(Moment until) {
    for (const auto& host : hosts_) {
      host->thread = std::thread([this, host = host.get()] {
        host->go.take();
        try {
          if (!ending_) host->life();
        } catch (const Ended&) {
        }
        host->wake = kNever;
        host->kill = kNever;
        host->done = true;
        turn_.give();
      });
    }
    while (time < until) step();
    ending_ = true;
    for (const auto& host : hosts_) {
      while (!host->done) give_turn(*host);
      host->thread.join();
    }
  }

  // On a host's thread.
  void wait(std::size_t number, Moment duration) {
    Host& host = *hosts_[number];
    host.wake = time + duration;
    turn_.give();
    host.go.take();
    if (ending_) throw Ended();
    if (host.killed) {
      host.killed = false;
      host.kill = kNever;
      ++counts.kills;
      throw Killed();
    }
  }
  // The kernel's timer.
  void kill_at(std::size_t number, Moment when) { hosts_[number]->kill = when; }
  // The kernel carries out a write, whatever becomes of its process.
  void write_at(Moment when, std::uint64_t token) { writes_.emplace(when, token); }

  Moment time{0};
  std::mt19937_64 random;
  Counts counts;
  std::shared_ptr<LeaseFiles> files = std::make_shared<LeaseFiles>();

 private:
  struct Host {
    std::function<void()> life;
    std::thread thread;
    Turn go;
    Moment wake{0};
    Moment kill = kNever;
    bool killed = false;
    bool done = false;
  };

  void step() {
    Host* next = hosts_.front().get();
    for (const auto& host : hosts_) {
      if (std::min(host->wake, host->kill) < std::min(next->wake, next->kill)) next = host.get();
    }
    const Moment when = std::min(next->wake, next->kill);
    if (!writes_.empty() && writes_.begin()->first <= when) {
      time = std::max(time, writes_.begin()->first);
      check_write(writes_.begin()->second);
      writes_.erase(writes_.begin());
      return;
    }
    time = std::max(time, when);
    next->killed = next->kill <= next->wake;
    give_turn(*next);
  }
  void give_turn(Host& host) {
    host.go.give();
    turn_.take();
  }
  void check_write(std::uint64_t token) {
    ++counts.writes;
    if (token < last_writer_ && counts.wrong.empty()) {
      counts.wrong = format("at {} ms owner {} writes after owner {}", time / milliseconds(1),
                            token, last_writer_);
    }
    last_writer_ = std::max(last_writer_, token);
  }

  std::vector<std::unique_ptr<Host>> hosts_;
  std::multimap<Moment, std::uint64_t> writes_;
  std::uint64_t last_writer_ = 0;
  Turn turn_;
  bool ending_ = false;
};

class Host final : public LeaseFolder, public LeaseClock {
 public:
  Host(World& world, unsigned number)
      : world_(world),
        number_(number),
        boot_(number),
        offset_(milliseconds(below(100'000))),
        // Off by a hundredth, where a bad clock is off by less than a thousandth.
        rate_(0.99 + 0.0001 * static_cast<double>(below(200))),
        folder_(world.files) {}

  void live() {
    while (true) {
      try {
        live_once();
      } catch (const Killed&) {
      }
      world_.kill_at(number_, kNever);
      // A process is gone when the kernel has carried out what it asked for.
      world_.wait(number_, kSlowWrite);
      if (below(3) == 0) boot_ += 100;
      world_.wait(number_, milliseconds(below(3000)));
    }
  }

  // LeaseClock
  Moment now() const override {
    return offset_ +
           Moment(static_cast<std::int64_t>(static_cast<double>(world_.time.count()) * rate_));
  }
  std::uint64_t wall() const override { return 0; }

  // LeaseFolder
  Result<std::vector<std::uint64_t>> tokens() override {
    return over_link([&] { return folder_.tokens(); });
  }
  Result<std::optional<std::vector<std::byte>>> read(std::uint64_t token) override {
    return over_link([&] { return folder_.read(token); });
  }
  Result<bool> create(std::uint64_t token, ByteSpan bytes) override {
    return over_link([&] { return folder_.create(token, bytes); });
  }
  Result<> write(ByteSpan bytes) override {
    return over_link([&] { return folder_.write(bytes); });
  }
  Result<bool> exists(std::uint64_t token) override {
    return over_link([&] { return folder_.exists(token); });
  }
  void remove(std::uint64_t token) override {
    (void)over_link([&]() -> Result<> {
      folder_.remove(token);
      return {};
    });
  }

 private:
  // A write that the kernel has, at most.
  static constexpr milliseconds kSlowWrite{100};

  std::uint64_t below(std::uint64_t most) const { return world_.random() % most; }

  // Anything may take a while; now and then it takes longer than a lease.
  void tarry() const {
    const bool long_while = below(200) == 0;
    world_.wait(number_, microseconds(long_while ? below(6'000'000) : below(3000)));
  }
  template <typename Do>
  auto over_link(Do&& action) -> decltype(action()) {
    tarry();
    const std::uint64_t fate = below(60);
    if (fate == 0) return fail("what was asked is lost");
    auto done = action();
    tarry();
    if (fate == 1) return fail("the answer is lost");
    return done;
  }
  void sleep_until(Moment moment) const {
    if (moment <= now()) return tarry();
    world_.wait(
        number_,
        Moment(static_cast<std::int64_t>(static_cast<double>((moment - now()).count()) / rate_)));
  }
  Moment world_time(Moment here) const {
    return Moment(static_cast<std::int64_t>(static_cast<double>((here - offset_).count()) / rate_));
  }

  void live_once() {
    LeaseOwner self = testing::lease_owner(boot_);
    LeaseTaker taker(*this, *this, self, kDuration);
    bool waited = false;
    while (true) {
      auto step = taker.step();
      if (!step || step->in_use) return;
      if (step->lease) {
        world_.counts.waited_out += waited ? 1 : 0;
        return own(*step->lease);
      }
      waited = waited || !step->owner.empty();
      sleep_until(*step->ask_again);
    }
  }
  void own(Lease& lease) {
    ++world_.counts.owners;
    world_.kill_at(number_, world_time(lease.end()));
    Moment next = lease.next_renewal();
    const Moment enough = now() + milliseconds(below(8000));
    while (lease.may_write() && now() < enough) {
      if (now() >= next) {
        if (lease.renew()) world_.kill_at(number_, world_time(lease.end()));
        next = std::max(lease.next_renewal(), now() + kDuration / 12);
        continue;
      }
      if (below(400) == 0) throw Killed();  // a crash
      write(lease);
      sleep_until(std::min(next, now() + milliseconds(below(300))));
    }
    // As LeaseKeeper: what is on its way ends, then the timer is not needed.
    world_.wait(number_, kSlowWrite);
    world_.kill_at(number_, kNever);
    (void)lease.release();
  }
  void write(const Lease& lease) {
    if (!lease.may_write()) return;
    tarry();  // before the kernel has it
    world_.write_at(world_.time + microseconds(below(100'000)), lease.record().token);
  }

  World& world_;
  const unsigned number_;
  unsigned boot_;
  const Moment offset_;
  const double rate_;
  testing::MemoryLeaseFolder folder_;
};

TEST(LeaseHistory, WritersNeverInterleave) {
  Counts all;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    std::vector<std::unique_ptr<Host>> hosts;
    for (unsigned i = 0; i < 3; ++i) {
      hosts.push_back(std::make_unique<Host>(world, i));
      world.add([host = hosts.back().get()] { host->live(); });
    }
    world.run(std::chrono::minutes(2));
    ASSERT_EQ(world.counts.wrong, "") << "seed " << seed;
    all.writes += world.counts.writes;
    all.owners += world.counts.owners;
    all.kills += world.counts.kills;
    all.waited_out += world.counts.waited_out;
  }
  // It was no idle time.
  EXPECT_GT(all.writes, 5'000u);
  EXPECT_GT(all.owners, 300u);
  EXPECT_GT(all.kills, 50u);
  EXPECT_GT(all.waited_out, 30u);
}

}  // namespace
}  // namespace orrery::storage
