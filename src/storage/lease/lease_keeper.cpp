#include "storage/lease/lease_keeper.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fstream>
#include <utility>

#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::storage {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

class BootClock final : public LeaseClock {
 public:
  Moment now() const override { return read(CLOCK_BOOTTIME); }
  std::uint64_t wall() const override {
    return static_cast<std::uint64_t>(read(CLOCK_REALTIME).count());
  }

 private:
  static Moment read(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
};
const BootClock kClock{};

// random(4): "a random string (UUID) generated at each boot".
BootId read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  BootId boot{};
  std::size_t digits = 0;
  for (char c = 0; file.get(c) && digits < 2 * boot.size();) {
    if (c == '-') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    boot[digits / 2] |= static_cast<std::byte>(digit << (digits % 2 == 0 ? 4 : 0));
    ++digits;
  }
  return boot;
}

// Waits until then.
void sleep_until(Moment moment) {
  const timespec until{.tv_sec = duration_cast<std::chrono::seconds>(moment).count(),
                       .tv_nsec = (moment % std::chrono::seconds(1)).count()};
  while (::clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

}  // namespace

const LeaseClock& boot_clock() {
  return kClock;
}

LeaseOwner this_owner() {
  LeaseOwner self;
  self.boot = read_boot_id();
  self.process = static_cast<std::uint32_t>(::getpid());
  std::array<char, LeaseRecord::kMostHost + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) self.host = name.data();
  return self;
}

// A timer of the kernel's, which also comes while the process is stopped or has no processor.
class LeaseKeeper::Watchdog {
 public:
  static Result<std::unique_ptr<Watchdog>> create() {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    std::unique_ptr<Watchdog> watchdog(new Watchdog);
    if (::timer_create(CLOCK_BOOTTIME, &event, &watchdog->timer_) != 0) {
      return fail_errno("timer_create");
    }
    watchdog->made_ = true;
    return watchdog;
  }
  ~Watchdog() {
    if (made_) ::timer_delete(timer_);
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // The process ends then; 0: never.
  void set(Moment end) {
    itimerspec time{};
    time.it_value.tv_sec = duration_cast<std::chrono::seconds>(end).count();
    time.it_value.tv_nsec = (end % std::chrono::seconds(1)).count();
    ::timer_settime(timer_, TIMER_ABSTIME, &time, nullptr);
  }

 private:
  Watchdog() = default;
  timer_t timer_{};
  bool made_ = false;
};

Result<std::unique_ptr<LeaseKeeper>> LeaseKeeper::take(const std::string& path) {
  ORRERY_TRY(auto folder, open_lease_folder(path));
  if (folder == nullptr) return nullptr;
  ORRERY_TRY(auto watchdog, Watchdog::create());
  LeaseTaker taker(*folder, kClock, this_owner());
  for (bool told = false;;) {
    ORRERY_TRY(auto step, taker.step());
    if (step.in_use) {
      return fail(format("in use: {} has its lease; stop that VM first", describe(*step.in_use)));
    }
    if (step.lease) {
      // Before anybody may write.
      watchdog->set(step.lease->end());
      return std::unique_ptr<LeaseKeeper>(
          new LeaseKeeper(path, std::move(folder), std::move(*step.lease), std::move(watchdog)));
    }
    if (!std::exchange(told, true) && !step.owner.empty()) {
      log::warning("{}: {} has its lease; waiting whether it is alive", path, step.owner);
    }
    sleep_until(*step.ask_again);
  }
}

LeaseKeeper::LeaseKeeper(std::string path, std::unique_ptr<LeaseFolder> folder, Lease lease,
                         std::unique_ptr<Watchdog> watchdog)
    : path_(std::move(path)),
      folder_(std::move(folder)),
      lease_(std::move(lease)),
      watchdog_(std::move(watchdog)),
      writes_end_(lease_.writes_end().count()) {
  // Signals are for the threads that await them.
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LeaseKeeper::~LeaseKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
  if (writes_end_.load() == 0) return;
  const Result<> released = lease_.release();
  if (!released) {
    log::warning("{}: its lease cannot be given back, so the next one waits for its end: {}", path_,
                 released.error().message());
  }
}

bool LeaseKeeper::begin_write() {
  under_way_.fetch_add(1);
  if (kClock.now().count() < writes_end_.load()) return true;
  under_way_.fetch_sub(1);
  return false;
}

void LeaseKeeper::run() {
  std::unique_lock lock(mutex_);
  Moment next = lease_.next_renewal();
  while (!stopping_) {
    const Moment left = next - kClock.now();
    if (left > Moment::zero()) {
      stop_.wait_for(lock, left);
      continue;
    }
    lock.unlock();
    renew();
    lock.lock();
    const Moment pause = lease_.record().duration / 12;
    next = std::max(lease_.next_renewal(), kClock.now() + pause);
    if (writes_end_.load() == 0) break;
  }
  // Until the kernel has done what it was told, or ends us.
  while (!stopping_ && under_way_.load() != 0) stop_.wait_for(lock, milliseconds(10));
  if (under_way_.load() == 0) watchdog_->set(Moment::zero());
}

void LeaseKeeper::renew() {
  const Result<> renewed = lease_.renew();
  if (renewed) {
    watchdog_->set(lease_.end());
    writes_end_.store(lease_.writes_end().count());
  } else if (!lease_.may_write()) {
    writes_end_.store(0);
    log::error("{}: its lease is lost: {}; nothing is written to it any more", path_,
               renewed.error().message());
  } else {
    const auto left = duration_cast<std::chrono::seconds>(lease_.writes_end() - kClock.now());
    log::warning("{}: its lease cannot be renewed: {}; it may be written for another {} s", path_,
                 renewed.error().message(), left.count());
  }
}

Result<> make_lease(const std::string& path, std::optional<milliseconds> duration) {
  const std::string name = lease_folder_path(path);
  if (::mkdir(name.c_str(), 0777) != 0) {
    if (errno != EEXIST) return fail_errno(name);
    if (!duration) return {};
  }
  ORRERY_TRY(const auto folder, open_lease_folder(path));
  if (folder == nullptr) return fail(name + ": somebody removed it");
  ORRERY_TRY(const auto newest, newest_lease(*folder));
  if (!newest) return break_lease(*folder, kClock, this_owner(), duration);
  if (newest->duration == duration) return {};
  return fail(format("{}: its leases are of {} s already; leave the number away", path,
                     duration_cast<std::chrono::seconds>(newest->duration).count()));
}

Result<bool> has_leases(const std::string& path) {
  ORRERY_TRY(const auto folder, open_lease_folder(path));
  return folder != nullptr;
}

Result<> check_not_written_elsewhere(const std::string& path) {
  ORRERY_TRY(const auto folder, open_lease_folder(path));
  if (folder == nullptr) return {};
  ORRERY_TRY(const auto newest, newest_lease(*folder));
  if (!newest || newest->state == LeaseRecord::State::kReleased ||
      newest->boot == this_owner().boot) {
    return {};
  }
  return fail(
      format("in use: {} has its lease to write to it. If that host is gone, open it once "
             "for writing, which waits for the lease's end, or see `orrery disk lease`",
             describe(*newest)));
}

bool is_on_network(const std::string& path) {
  // statfs(2): CIFS, SMB2, NFS, CEPH, 9P, AFS, FUSE.
  constexpr std::array<std::uint32_t, 7> kNetwork{0xff534d42, 0xfe534d42, 0x6969,    0x00c36400,
                                                  0x01021997, 0x5346414f, 0x65735546};
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) return false;
  return std::find(kNetwork.begin(), kNetwork.end(), static_cast<std::uint32_t>(status.f_type)) !=
         kNetwork.end();
}

}  // namespace orrery::storage
