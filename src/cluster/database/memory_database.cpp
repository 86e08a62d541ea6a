#include "cluster/database/memory_database.hpp"

#include <algorithm>

namespace orrery::cluster {

Result<std::optional<Record>> MemoryDatabase::get(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(key);
  if (found == records_.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<Record>> MemoryDatabase::list(const std::string& prefix,
                                                 const std::string& after, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<Record> found;
  auto each = after < prefix ? records_.lower_bound(prefix) : records_.upper_bound(after);
  for (; each != records_.end() && each->first.starts_with(prefix) && found.size() < limit;
       ++each) {
    found.push_back(each->second);
  }
  return found;
}

Result<std::vector<Record>> MemoryDatabase::list_changed(const std::string& prefix, Revision since,
                                                         std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<Record> found;
  for (auto each = by_revision_.lower_bound({since + 1, ""}); each != by_revision_.end(); ++each) {
    const auto& [revision, key] = *each;
    if (found.size() >= limit && (found.empty() || revision != found.back().revision)) break;
    if (key.starts_with(prefix)) found.push_back(records_.at(key));
  }
  return found;
}

Result<std::optional<Revision>> MemoryDatabase::commit(const Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  const bool holds = std::ranges::all_of(transaction.conditions, [&](const auto& condition) {
    const auto found = records_.find(condition.key);
    const Revision now = found == records_.end() ? Revision() : found->second.revision;
    return now == condition.revision;
  });
  if (!holds) return std::nullopt;
  revision_ += 1;
  for (const Transaction::Change& change : transaction.changes) apply(change);
  return revision_;
}

void MemoryDatabase::apply(const Transaction::Change& change) {
  const auto old = records_.find(change.key);
  if (old != records_.end()) {
    by_revision_.erase({old->second.revision, change.key});
    records_.erase(old);
  }
  if (!change.value) return;
  records_[change.key] = {change.key, *change.value, revision_};
  by_revision_.emplace(revision_, change.key);
}

Result<Revision> MemoryDatabase::revision() {
  const std::lock_guard lock(mutex_);
  return revision_;
}

}  // namespace orrery::cluster
