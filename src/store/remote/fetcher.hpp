// Brings groups of a server's packs into the cache: those that somebody waits for first, by several
// connections at a time, neighbours with one request.
//
// A server that does not answer, or that breaks off, is asked again and again; who waits gets an
// error once it has been away for Options::patience. What comes is compared with the group's check
// before it is taken.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "store/image.hpp"
#include "store/remote/connection.hpp"
#include "store/remote/pack_cache.hpp"

namespace orrery::store::remote {

struct FetchOptions {
  // So that the link is full although each connection waits for its answers.
  unsigned connections = 6;
  // Of these may fetch ahead at the same time: the others are free for those who wait.
  unsigned ahead = 4;
  // How long the server may be away, before those who wait get an error.
  std::chrono::milliseconds patience{60'000};
  // Between attempts: from the first, doubled, to the second.
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds longest_pause{2'000};
  Times times;
};

struct FetchedPack {
  std::string path;  // on the server
  const PackTable* table = nullptr;
  std::shared_ptr<CachedPack> cached;
};

struct FetchCounters {
  std::uint64_t bytes = 0;  // received, with headers
  std::uint64_t groups = 0;
  std::uint64_t requests = 0;
};

// Any thread.
class Fetcher {
 public:
  using Done = std::function<void(Result<>)>;

  // NAME: for messages. CACHE outlives it; PACKS: by their number in the manifest.
  static Result<std::unique_ptr<Fetcher>> create(std::string name, StoreServer server,
                                                 PackCache& cache, std::vector<FetchedPack> packs,
                                                 const FetchOptions& options);
  ~Fetcher() { stop(); }
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // DONE is called on a thread of the fetcher, once all GROUPS are in the cache, or one of them
  // cannot be had. At least one group; none twice.
  void want(std::span<const Image::GroupPlace> groups, Done done);
  // For later, in this order; what is in the cache already is left out.
  void fetch_ahead(std::span<const Image::GroupPlace> groups);
  // Ends what is under way; who waits is not called any more.
  void stop();

  FetchCounters counters() const;

 private:
  using Key = Image::GroupPlace;
  using Clock = std::chrono::steady_clock;
  struct Waiter {
    std::size_t missing = 0;
    Result<> result;
    Done done;
  };
  struct Entry {
    bool wanted = false;   // somebody waits
    bool running = false;  // in a batch
    unsigned spoiled = 0;  // times that it came with other bytes
    Clock::time_point limit;
    std::vector<std::shared_ptr<Waiter>> waiters;
  };
  struct Batch {
    std::vector<Key> keys;  // neighbours, ascending
    bool wanted = false;
  };
  struct Outcome {
    std::vector<Key> good;
    std::vector<Key> spoiled;
    std::optional<Error> away;  // for all that is neither
    std::optional<Error> gone;  // the same, and no further attempt helps
    bool asked = false;         // the server
  };
  using Finished = std::vector<std::shared_ptr<Waiter>>;

  Fetcher(std::string name, StoreServer server, std::unique_ptr<Interrupt> interrupt,
          PackCache& cache, std::vector<FetchedPack> packs, const FetchOptions& options);

  void work();
  // These with mutex_ held.
  std::optional<Batch> take_batch();
  std::optional<Key> take_key(std::deque<Key>& queue, bool wanted);
  void note(const Batch& batch, const Outcome& outcome, Finished& finished);
  void give_back(Key key);
  void end(Key key, const Result<>& result, Finished& finished);
  void expire(const Error& error, Finished& finished);
  void note_away(const Error& error);
  void note_back();
  void tell_progress();
  // This without.
  Outcome fetch(Connection& connection, Batch& batch);
  Outcome check_answer(const Batch& batch, const http::ByteRange& range,
                       const http::Answer& answer);

  const std::string name_;
  const StoreServer server_;
  const std::unique_ptr<Interrupt> interrupt_;
  PackCache& cache_;
  const std::vector<FetchedPack> packs_;
  const FetchOptions options_;

  mutable std::mutex mutex_;  // guards all below but the threads
  std::condition_variable changed_;
  bool ending_ = false;
  std::map<Key, Entry> entries_;
  std::deque<Key> wanted_;  // these two: also what has been fetched meanwhile, or is in the other
  std::deque<Key> ahead_;
  unsigned running_ahead_ = 0;
  FetchCounters counters_;
  std::optional<Clock::time_point> away_since_;
  std::chrono::milliseconds pause_{0};
  Clock::time_point told_ = Clock::now();
  std::uint64_t told_bytes_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace orrery::store::remote
