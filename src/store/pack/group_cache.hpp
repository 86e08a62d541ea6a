// Decoded groups of an image's packs: so many bytes of them, those used last. Private to store/.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "store/pack/pack_reader.hpp"

namespace orrery::store {

struct LoadedGroup {
  std::vector<std::byte> bytes;
  // Of each of its segments: found to be what its digest says. Set by any thread, only ever to
  // true; what it is about never changes, so relaxed will do.
  std::vector<std::atomic<bool>> verified;

  LoadedGroup(std::vector<std::byte> content, std::size_t segments)
      : bytes(std::move(content)), verified(segments) {}
};

// Any thread, several at a time; who asks for a group that another is decoding waits for it.
class GroupCache {
 public:
  explicit GroupCache(std::uint64_t most_bytes) : most_bytes_(most_bytes) {}

  // NUMBER: of the pack, to tell packs apart.
  Result<std::shared_ptr<LoadedGroup>> get(std::uint32_t number, const PackReader& pack,
                                           std::size_t group);
  // A group that turned out not to be what it should is read again the next time.
  void forget(std::uint32_t number, std::size_t group) { forget(Key{number, group}); }

 private:
  using Key = std::pair<std::uint32_t, std::size_t>;
  using Loading = std::shared_future<Result<std::shared_ptr<LoadedGroup>>>;
  struct Entry {
    Loading loading;
    std::uint64_t bytes = 0;
    std::list<Key>::iterator used;
  };

  void make_room();      // with mutex_ held
  void forget(Key key);  // takes mutex_

  const std::uint64_t most_bytes_;
  std::mutex mutex_;
  std::map<Key, Entry> entries_;  // these three guarded by mutex_
  std::list<Key> used_;           // the latest first
  std::uint64_t bytes_ = 0;
};

}  // namespace orrery::store
