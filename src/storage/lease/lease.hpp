// Taking, keeping and losing the lease of a disk, without threads
// (docs/decisions/0036-leases-with-fences.md). Private to storage/.
//
// Owners have rising tokens, each of which is made by one host only. Nobody's clock is compared
// with another host's: an owner counts from when it began its last renewal, and who waits for it to
// be over from when it last saw one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "storage/lease/lease_folder.hpp"
#include "storage/lease/lease_record.hpp"

namespace orrery::storage {

// Since some moment, by a clock of this host that goes on while the host sleeps.
using Moment = std::chrono::nanoseconds;

// Any thread.
class LeaseClock {
 public:
  virtual ~LeaseClock() = default;
  virtual Moment now() const = 0;
  // ns since 1970, for people.
  virtual std::uint64_t wall() const = 0;
};

struct LeaseOwner {
  BootId boot{};
  std::string host;
  std::uint32_t process = 0;
};

// One that is held, by us. One thread at a time.
class Lease {
 public:
  // TAKEN: when its taking began. Both outlive it.
  Lease(LeaseFolder& folder, const LeaseClock& clock, LeaseRecord record, Moment taken)
      : folder_(&folder), clock_(&clock), record_(std::move(record)), renewed_(taken) {}

  const LeaseRecord& record() const { return record_; }

  // Until then it may be written, by what is known; the rest of the duration is for writes that are
  // on their way.
  Moment writes_end() const { return renewed_ + record_.duration * 2 / 3; }
  // Nothing may reach the disk from then on.
  Moment end() const { return renewed_ + record_.duration; }
  // Six times in a duration, so that three may fail.
  Moment next_renewal() const { return renewed_ + record_.duration / 6; }
  bool may_write() const { return !taken_over_ && clock_->now() < writes_end(); }

  // An error: it is as long as it was. Once it may not be written it is renewed no more.
  Result<> renew();
  // Others need not wait. Nothing of ours is on its way to the disk.
  Result<> release();

 private:
  LeaseFolder* folder_;
  const LeaseClock* clock_;
  LeaseRecord record_;
  Moment renewed_;
  bool taken_over_ = false;
};

// Takes one, in steps.
class LeaseTaker {
 public:
  // Folder and clock outlive it. The caller holds the lock of the disk's file, so an owner of this
  // boot has ended. DURATION: of the lease; that of the one before if left away.
  LeaseTaker(LeaseFolder& folder, const LeaseClock& clock, LeaseOwner self,
             std::optional<std::chrono::milliseconds> duration = {})
      : folder_(folder), clock_(clock), self_(std::move(self)), duration_(duration) {}

  struct Step {
    std::optional<Lease> lease;         // taken
    std::optional<LeaseRecord> in_use;  // by one who is alive: no use to go on
    std::optional<Moment> ask_again;    // then; somebody may be alive
    std::string owner;                  // who that is, for people
  };
  // Until it is taken or in use.
  Result<Step> step();

 private:
  // The newest file.
  struct Seen {
    std::uint64_t token = 0;
    std::vector<std::byte> bytes;
    std::optional<LeaseRecord> record;  // none: it cannot be read
  };
  Result<std::optional<Seen>> look();
  Result<Step> wait_for(Seen seen, Moment began);
  Result<Step> take(const Seen& before);

  LeaseFolder& folder_;
  const LeaseClock& clock_;
  const LeaseOwner self_;
  const std::optional<std::chrono::milliseconds> duration_;
  Seen watched_;
  Moment since_{};  // it has looked as it does
};

// The newest record, for people; nullopt: nobody has had one. A damaged one is an error.
Result<std::optional<LeaseRecord>> newest_lease(LeaseFolder& folder);

// Whoever holds it is to be taken for gone: the next one need not wait. Writes the next token.
// DURATION: of the leases that follow; as before if left away.
Result<> break_lease(LeaseFolder& folder, const LeaseClock& clock, const LeaseOwner& self,
                     std::optional<std::chrono::milliseconds> duration = {});

inline constexpr std::chrono::milliseconds kUsualLease{60'000};

}  // namespace orrery::storage
