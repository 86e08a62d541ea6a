#include "store/pack/group_cache.hpp"

namespace orrery::store {

Result<std::shared_ptr<LoadedGroup>> GroupCache::get(std::uint32_t number, const PackReader& pack,
                                                     std::size_t group) {
  const Key key{number, group};
  std::promise<Result<std::shared_ptr<LoadedGroup>>> promise;
  {
    std::unique_lock lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) {
      used_.splice(used_.begin(), used_, found->second.used);
      const Loading loading = found->second.loading;
      lock.unlock();
      return loading.get();
    }
    used_.push_front(key);
    const std::uint64_t length = pack.table().groups[group].length;
    entries_.emplace(key, Entry{promise.get_future().share(), length, used_.begin()});
    bytes_ += length;
    make_room();
  }
  auto bytes = pack.read_group(group);
  if (!bytes) {
    forget(key);
    promise.set_value(fail(bytes.error()));
    return fail(bytes.error());
  }
  auto loaded =
      std::make_shared<LoadedGroup>(std::move(*bytes), pack.table().groups[group].segments);
  promise.set_value(loaded);
  return loaded;
}

void GroupCache::make_room() {
  // The one that was asked for last stays, however little room there is.
  while (bytes_ > most_bytes_ && used_.size() > 1) {
    const auto entry = entries_.find(used_.back());
    bytes_ -= entry->second.bytes;
    entries_.erase(entry);
    used_.pop_back();
  }
}

void GroupCache::forget(Key key) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  bytes_ -= entry->second.bytes;
  used_.erase(entry->second.used);
  entries_.erase(entry);
}

}  // namespace orrery::store
