#include <random>

#include "base/format.hpp"
#include "store/store.hpp"

namespace orrery::store {
namespace {

const std::string kLeaseEnding = ".lease";

// All that begins with PREFIX, the lease last: while it is there, the rest has an owner.
Result<> remove_all_of(Files& files, const std::string& prefix) {
  ORRERY_TRY(const auto names, files.list(kIncoming));
  for (const std::string& name : names) {
    const std::string whole = kIncoming + "/" + name;
    if (whole.starts_with(prefix + ".") && whole != prefix + kLeaseEnding) {
      ORRERY_CHECK(files.remove(whole));
    }
  }
  return files.remove(prefix + kLeaseEnding);
}

std::string draw_prefix() {
  std::random_device random;
  return format("{}/{:08x}{:08x}", kIncoming, random(), random());
}

}  // namespace

Result<std::unique_ptr<Lease>> Lease::take(Files& files) {
  // A collection may take a lease for a dead one's before it is locked: then the next is tried.
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    const std::string prefix = draw_prefix();
    ORRERY_TRY(const auto file, files.create(prefix + kLeaseEnding));
    ORRERY_TRY(auto lock,
               files.lock(prefix + kLeaseEnding, Files::Lock::kExclusive, Files::Wait::kNo));
    if (lock && lock->linked()) {
      return std::unique_ptr<Lease>(new Lease(files, prefix, std::move(lock)));
    }
  }
  return fail(files.path() + ": its collection takes our files away; try again once it is over");
}

Lease::~Lease() {
  // What cannot be removed now is swept by the next collection.
  (void)remove_all_of(files_, prefix_);
}

Result<> sweep_incoming(Files& files) {
  ORRERY_TRY(const auto names, files.list(kIncoming));
  for (const std::string& name : names) {
    const std::string prefix = kIncoming + "/" + name.substr(0, name.find('.'));
    ORRERY_TRY(const auto lease, files.open(prefix + kLeaseEnding));
    if (lease) {
      ORRERY_TRY(const auto lock,
                 files.lock(prefix + kLeaseEnding, Files::Lock::kExclusive, Files::Wait::kNo));
      if (!lock) continue;  // its owner is at work
      ORRERY_CHECK(remove_all_of(files, prefix));
    } else {
      // After a power cut the lease itself may be missing.
      ORRERY_CHECK(files.remove(kIncoming + "/" + name));
    }
  }
  return {};
}

}  // namespace orrery::store
