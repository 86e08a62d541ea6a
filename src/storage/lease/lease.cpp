#include "storage/lease/lease.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"

namespace orrery::storage {
namespace {

// How much longer who waits takes a duration for: clocks of hosts differ by far less than an
// eighth.
constexpr int kClockError = 8;

using State = LeaseRecord::State;

Result<std::uint64_t> newest_token(LeaseFolder& folder) {
  ORRERY_TRY(const auto tokens, folder.tokens());
  const auto newest = std::max_element(tokens.begin(), tokens.end());
  return newest == tokens.end() ? 0 : *newest;
}

LeaseRecord record_for(const LeaseOwner& owner, std::uint64_t token,
                       std::chrono::milliseconds duration, std::uint64_t wall) {
  LeaseRecord record;
  record.token = token;
  record.duration = duration;
  record.taken = record.renewed = wall;
  record.boot = owner.boot;
  record.process = owner.process;
  record.host = owner.host;
  return record;
}

}  // namespace

Result<> Lease::renew() {
  const Moment began = clock_->now();
  ORRERY_TRY(const bool taken, folder_->exists(record_.token + 1));
  taken_over_ = taken_over_ || taken;
  if (taken_over_) return fail("another host took it, or somebody broke it");
  if (!may_write()) return fail("it was not renewed in time");
  ++record_.beats;
  record_.renewed = clock_->wall();
  ORRERY_CHECK(folder_->write(to_bytes(record_)));
  // Later, who waits may have seen none of it and taken it for over.
  if (!may_write()) return fail("its renewal took too long");
  renewed_ = began;
  return {};
}

Result<> Lease::release() {
  if (!may_write()) return {};
  record_.state = State::kReleased;
  record_.renewed = clock_->wall();
  return folder_->write(to_bytes(record_));
}

Result<std::optional<LeaseTaker::Seen>> LeaseTaker::look() {
  Seen seen;
  ORRERY_TRY(seen.token, newest_token(folder_));
  if (seen.token == 0) return seen;
  ORRERY_TRY(auto bytes, folder_.read(seen.token));
  if (!bytes) return std::nullopt;
  seen.bytes = std::move(*bytes);
  if (auto record = parse_lease(seen.bytes)) seen.record = std::move(*record);
  return seen;
}

Result<LeaseTaker::Step> LeaseTaker::step() {
  const Moment began = clock_.now();
  ORRERY_TRY(auto seen, look());
  Step again;
  again.ask_again = began;
  if (!seen) return again;  // it went while we looked
  const bool over = seen->token == 0 || (seen->record && (seen->record->state == State::kReleased ||
                                                          seen->record->boot == self_.boot));
  return over ? take(*seen) : wait_for(std::move(*seen), began);
}

// BEGAN: before it was looked at.
Result<LeaseTaker::Step> LeaseTaker::wait_for(Seen seen, Moment began) {
  Step step;
  if (watched_.token != seen.token || watched_.bytes != seen.bytes) {
    const bool alive = watched_.token != 0 && seen.record;
    if (alive) step.in_use = seen.record;
    watched_ = std::move(seen);
    since_ = clock_.now();
    if (alive) return step;
  }
  // What cannot be read may last as long as any.
  const std::chrono::milliseconds duration =
      watched_.record ? watched_.record->duration : std::chrono::milliseconds(kLongestLease);
  const Moment patience = duration + duration / kClockError;
  if (began - since_ >= patience) return take(watched_);
  step.owner = watched_.record ? describe(*watched_.record) : "somebody whose file is damaged";
  step.ask_again = std::min(began + duration / 12, since_ + patience);
  return step;
}

Result<LeaseTaker::Step> LeaseTaker::take(const Seen& before) {
  const Moment began = clock_.now();
  const auto duration =
      duration_ ? *duration_ : (before.record ? before.record->duration : kUsualLease);
  const std::uint64_t token = before.token + 1;
  LeaseRecord record = record_for(self_, token, duration, clock_.wall());
  ORRERY_TRY(const bool created, folder_.create(token, to_bytes(record)));
  Step step;
  step.ask_again = began;
  if (!created) return step;
  // We may have slept since we looked, and others have come and gone.
  ORRERY_TRY(const auto tokens, folder_.tokens());
  if (*std::max_element(tokens.begin(), tokens.end()) != token) {
    folder_.remove(token);
    return step;
  }
  for (const std::uint64_t old : tokens) {
    // The last one stays, so that who looks while files come and go sees one of two.
    if (old + 1 < token) folder_.remove(old);
  }
  step.ask_again.reset();
  step.lease.emplace(folder_, clock_, std::move(record), began);
  return step;
}

Result<std::optional<LeaseRecord>> newest_lease(LeaseFolder& folder) {
  ORRERY_TRY(const std::uint64_t token, newest_token(folder));
  if (token == 0) return std::nullopt;
  ORRERY_TRY(const auto bytes, folder.read(token));
  if (!bytes) return std::nullopt;
  auto record = parse_lease(*bytes);
  if (!record) return fail(record.error().context(format("the lease {}", token)));
  return *record;
}

Result<> break_lease(LeaseFolder& folder, const LeaseClock& clock, const LeaseOwner& self,
                     std::optional<std::chrono::milliseconds> duration) {
  ORRERY_TRY(const std::uint64_t newest, newest_token(folder));
  const auto before = newest_lease(folder);
  if (!duration && before && *before) duration = (*before)->duration;
  LeaseRecord broken = record_for(self, newest + 1, duration.value_or(kUsualLease), clock.wall());
  broken.state = State::kReleased;
  ORRERY_TRY(const bool created, folder.create(newest + 1, to_bytes(broken)));
  if (!created) return fail("somebody takes it just now; look again who has it");
  return {};
}

}  // namespace orrery::storage
