#include "store/remote/fetcher.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/types.hpp"

namespace orrery::store::remote {
namespace {

// One request's most: at 50 Mbit/s it takes 80 ms, and its own cost does not count.
constexpr std::uint64_t kMostBatch = 512_KiB;
// What comes with other bytes is asked for again, for a link may have spoiled it.
constexpr unsigned kMostSpoiled = 3;
constexpr std::chrono::seconds kBetweenLines{5};

double seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Fetcher::Fetcher(std::string name, StoreServer server, std::unique_ptr<Interrupt> interrupt,
                 PackCache& cache, std::vector<FetchedPack> packs, const FetchOptions& options)
    : name_(std::move(name)),
      server_(std::move(server)),
      interrupt_(std::move(interrupt)),
      cache_(cache),
      packs_(std::move(packs)),
      options_(options) {
  for (unsigned i = 0; i < options_.connections; ++i) threads_.emplace_back([this] { work(); });
}

Result<std::unique_ptr<Fetcher>> Fetcher::create(std::string name, StoreServer server,
                                                 PackCache& cache, std::vector<FetchedPack> packs,
                                                 const FetchOptions& options) {
  ORRERY_TRY(auto interrupt, Interrupt::create());
  return std::unique_ptr<Fetcher>(new Fetcher(
      std::move(name), std::move(server), std::move(interrupt), cache, std::move(packs), options));
}

void Fetcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  interrupt_->raise();
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Fetcher::want(std::span<const Image::GroupPlace> groups, Done done) {
  auto waiter = std::make_shared<Waiter>();
  waiter->missing = groups.size();
  waiter->done = std::move(done);
  {
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = Clock::now();
    // Who comes while the server is away waits for the rest of its time, and a little at least.
    Clock::time_point limit = now + options_.patience;
    if (away_since_) {
      limit = std::max(*away_since_ + options_.patience, now + options_.patience / 12);
    }
    for (const Key& key : groups) {
      Entry& entry = entries_[key];
      if (!entry.wanted) {
        entry.wanted = true;
        entry.limit = limit;
        wanted_.push_back(key);
      }
      entry.waiters.push_back(waiter);
    }
  }
  changed_.notify_all();
}

void Fetcher::fetch_ahead(std::span<const Image::GroupPlace> groups) {
  {
    const std::lock_guard lock(mutex_);
    for (const Key& key : groups) {
      if (entries_.try_emplace(key).second) ahead_.push_back(key);
    }
  }
  changed_.notify_all();
}

FetchCounters Fetcher::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Fetcher::work() {
  Connection connection(server_, *interrupt_, options_.times);
  std::uint64_t counted = 0;
  std::unique_lock lock(mutex_);
  while (!ending_) {
    std::optional<Batch> batch = take_batch();
    if (!batch) {
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    const Outcome outcome = fetch(connection, *batch);
    Finished finished;
    lock.lock();
    if (ending_) return;
    counters_.bytes += connection.received() - counted;
    counted = connection.received();
    note(*batch, outcome, finished);
    tell_progress();
    const auto pause = outcome.away ? pause_ : std::chrono::milliseconds(0);
    lock.unlock();
    for (const auto& waiter : finished) waiter->done(waiter->result);
    lock.lock();
    if (pause.count() != 0) {
      changed_.wait_for(lock, pause, [this] { return ending_; });
    }
  }
}

std::optional<Fetcher::Key> Fetcher::take_key(std::deque<Key>& queue, bool wanted) {
  while (!queue.empty()) {
    const Key key = queue.front();
    queue.pop_front();
    const auto entry = entries_.find(key);
    if (entry != entries_.end() && !entry->second.running && entry->second.wanted == wanted) {
      return key;
    }
  }
  return std::nullopt;
}

std::optional<Fetcher::Batch> Fetcher::take_batch() {
  Batch batch;
  std::optional<Key> first = take_key(wanted_, true);
  batch.wanted = first.has_value();
  if (!first && running_ahead_ < options_.ahead) first = take_key(ahead_, false);
  if (!first) return std::nullopt;
  if (!batch.wanted) ++running_ahead_;
  const std::vector<Group>& groups = packs_[first->pack].table->groups;
  std::uint64_t bytes = 0;
  // Its neighbours go with it, whoever wants them.
  for (Key key = *first; key.group < groups.size(); ++key.group) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end() || entry->second.running) break;
    bytes += groups[key.group].stored;
    if (bytes > kMostBatch && !batch.keys.empty()) break;
    entry->second.running = true;
    batch.keys.push_back(key);
  }
  return batch;
}

Fetcher::Outcome Fetcher::fetch(Connection& connection, Batch& batch) {
  const FetchedPack& pack = packs_[batch.keys.front().pack];
  const auto is_here = [&](const Key& key) { return pack.cached->holds(key.group); };
  // What is ahead has not been looked for; others may have fetched it for their VMs, too.
  const auto first = std::find_if_not(batch.keys.begin(), batch.keys.end(), is_here);
  Outcome outcome;
  if (first == batch.keys.end()) {
    outcome.good = batch.keys;
    return outcome;
  }
  const auto last = std::find_if_not(batch.keys.rbegin(), batch.keys.rend(), is_here);
  const Group& begin = pack.table->groups[first->group];
  const Group& end = pack.table->groups[last->group];
  const http::ByteRange range{.first = begin.file_offset,
                              .length = end.file_offset + end.stored - begin.file_offset};
  Ask ask;
  ask.path = pack.path;
  ask.range = range;
  ask.most = range.length;
  const auto answer = connection.ask(ask);
  if (answer) {
    outcome = check_answer(batch, range, *answer);
  } else {
    outcome.away = answer.error();
  }
  outcome.asked = true;
  return outcome;
}

Fetcher::Outcome Fetcher::check_answer(const Batch& batch, const http::ByteRange& range,
                                       const http::Answer& answer) {
  constexpr unsigned kNotFound = 404;
  Outcome outcome;
  if (answer.status == kNotFound) {
    outcome.gone = Error(format(
        "{}: the server does not have {} any more, as its store was collected since this start; "
        "start again",
        name_, packs_[batch.keys.front().pack].path));
    return outcome;
  }
  if (answer.status != 206 || answer.range != range || answer.body.size() != range.length) {
    outcome.away = Error(
        format("answers with status {} and other bytes than it was asked for", answer.status));
    return outcome;
  }
  std::uint64_t added = 0;
  for (const Key& key : batch.keys) {
    const FetchedPack& pack = packs_[key.pack];
    const Group& group = pack.table->groups[key.group];
    if (group.file_offset < range.first ||
        group.file_offset + group.stored > range.first + range.length) {
      outcome.good.push_back(key);  // was here
      continue;
    }
    const ByteSpan stored =
        ByteSpan(answer.body).subspan(group.file_offset - range.first, group.stored);
    thread_local Hasher hasher;
    if (hasher.digest(stored).first_word() != group.check) {
      outcome.spoiled.push_back(key);
      continue;
    }
    added += pack.cached->put(key.group, stored);
    outcome.good.push_back(key);
  }
  if (added != 0) cache_.added(added);
  return outcome;
}

void Fetcher::note(const Batch& batch, const Outcome& outcome, Finished& finished) {
  if (!batch.wanted) --running_ahead_;
  if (outcome.asked) {
    ++counters_.requests;
    counters_.groups += outcome.good.size();
  }
  for (const Key& key : batch.keys) entries_[key].running = false;
  for (const Key& key : outcome.good) end(key, {}, finished);
  if (outcome.gone) {
    for (const Key& key : batch.keys) end(key, fail(*outcome.gone), finished);
  } else if (outcome.away) {
    note_away(*outcome.away);
    for (const Key& key : batch.keys) give_back(key);
    expire(*outcome.away, finished);
  } else if (outcome.asked) {
    note_back();
  }
  for (const Key& key : outcome.spoiled) {
    const Error error(
        format("{}: what the server sends of {} is not what its table says; run "
               "`orrery store scrub` there",
               name_, packs_[key.pack].path));
    if (++entries_[key].spoiled == kMostSpoiled) {
      log::warning("{}", error.message());
      end(key, fail(error), finished);
    } else {
      give_back(key);
    }
  }
  changed_.notify_all();
}

void Fetcher::give_back(Key key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  (entry->second.wanted ? wanted_ : ahead_).push_back(key);
}

void Fetcher::end(Key key, const Result<>& result, Finished& finished) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  for (const auto& waiter : entry->second.waiters) {
    if (!result && waiter->result) waiter->result = result;
    if (--waiter->missing == 0) finished.push_back(waiter);
  }
  entries_.erase(entry);
}

void Fetcher::expire(const Error& error, Finished& finished) {
  const Clock::time_point now = Clock::now();
  std::vector<Key> late;
  for (const auto& [key, entry] : entries_) {
    if (entry.wanted && !entry.running && entry.limit <= now) late.push_back(key);
  }
  for (const Key& key : late) {
    end(key,
        fail(format("{}: the server has been away for {:.0f} s: {}", name_,
                    seconds(now - away_since_.value_or(now)), error.message())),
        finished);
  }
}

void Fetcher::note_away(const Error& error) {
  pause_ = std::clamp(pause_ * 2, options_.first_pause, options_.longest_pause);
  if (away_since_) return;
  away_since_ = Clock::now();
  log::warning("{}: {}; trying again, for {:.0f} s where the guest waits", name_, error.message(),
               seconds(options_.patience));
}

void Fetcher::note_back() {
  pause_ = std::chrono::milliseconds(0);
  if (!away_since_) return;
  log::warning("{}: the server is back after {:.1f} s", name_,
               seconds(Clock::now() - *away_since_));
  away_since_.reset();
}

void Fetcher::tell_progress() {
  const Clock::time_point now = Clock::now();
  if (now - told_ < kBetweenLines) return;
  const double mib = static_cast<double>(counters_.bytes) / (1 << 20);
  const double rate =
      static_cast<double>(counters_.bytes - told_bytes_) / (1 << 20) / seconds(now - told_);
  log::info("{}: {:.1f} MiB fetched, {:.1f} MiB/s, {} groups to come", name_, mib, rate,
            entries_.size());
  told_ = now;
  told_bytes_ = counters_.bytes;
}

}  // namespace orrery::store::remote
