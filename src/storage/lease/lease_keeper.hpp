// Keeps the lease of a disk that this process writes to: a thread renews it, and a timer of the
// kernel ends the process if a write could reach the disk after its end. Private to storage/.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "storage/lease/lease.hpp"

namespace orrery::storage {

// The process and the host's kernel.
LeaseOwner this_owner();
const LeaseClock& boot_clock();

class LeaseKeeper {
 public:
  // Of the disk at PATH, whose file the caller has locked; nullptr: it has none. Waits for an owner
  // that is not heard of; one that is alive is an error.
  static Result<std::unique_ptr<LeaseKeeper>> take(const std::string& path);
  // Nothing is being written.
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  // Any thread. False: nothing may be written any more. True: end_write() follows when the kernel
  // has carried it out.
  bool begin_write();
  void end_write() { under_way_.fetch_sub(1); }

 private:
  class Watchdog;

  LeaseKeeper(std::string path, std::unique_ptr<LeaseFolder> folder, Lease lease,
              std::unique_ptr<Watchdog> watchdog);
  void run();
  void renew();

  const std::string path_;
  const std::unique_ptr<LeaseFolder> folder_;
  Lease lease_;  // the thread's
  const std::unique_ptr<Watchdog> watchdog_;
  // Writers count themselves and then look whether it is lost; who loses it says so and then counts
  // them (both sequentially consistent), so none is missed.
  std::atomic<unsigned> under_way_{0};
  std::atomic<std::int64_t> writes_end_;  // ns of the clock; 0: lost
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

// A disk whose writers have leases from now on; DURATION: what a new one is to last, not said:
// kUsualLease. One that has them already is an error where its are of another duration.
Result<> make_lease(const std::string& path, std::optional<std::chrono::milliseconds> duration);

// False also where there is no such disk.
Result<bool> has_leases(const std::string& path);

// For who only reads: an error where a host that is not this one writes to it.
Result<> check_not_written_elsewhere(const std::string& path);

// True for file systems that other hosts may have, too: there what was written is in nobody else's
// sight before it is durable.
bool is_on_network(const std::string& path);

}  // namespace orrery::storage
