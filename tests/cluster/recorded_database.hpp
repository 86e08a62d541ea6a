// A database that remembers every version of every virtual machine's record, with the operation
// that committed it and when; and that loses some requests and some answers on the way.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "cluster/database/database.hpp"

namespace orrery::testing {

// Moments of a history: each is after all that were taken before.
class Moments {
 public:
  std::uint64_t next() { return ++last_; }

 private:
  std::atomic<std::uint64_t> last_ = 0;
};

// What a VM's record became, and by whom.
struct Version {
  std::string key;
  std::optional<std::string> value;  // nothing: it was removed
  cluster::Revision revision;
  std::size_t operation = 0;  // RecordedDatabase::operation, on the thread that committed
  std::uint64_t begun = 0;    // the commit took place between these two
  std::uint64_t ended = 0;
};

// Shared by the databases of several panels.
class VersionLog {
 public:
  void add(Version version) {
    const std::lock_guard lock(mutex_);
    versions_.push_back(std::move(version));
  }
  std::vector<Version> take() { return std::move(versions_); }

 private:
  std::mutex mutex_;
  std::vector<Version> versions_;
};

class RecordedDatabase final : public cluster::Database {
 public:
  // What this thread does at the moment.
  static inline thread_local std::size_t operation = 0;

  RecordedDatabase(cluster::Database& below, Moments& moments, VersionLog& log, std::uint64_t seed)
      : below_(below), moments_(moments), log_(log), random_(seed) {}

  Result<std::optional<cluster::Record>> get(const std::string& key) override {
    if (fails()) return lost();
    return below_.get(key);
  }
  Result<std::vector<cluster::Record>> list(const std::string& prefix, const std::string& after,
                                            std::size_t limit) override {
    return below_.list(prefix, after, limit);
  }
  Result<std::vector<cluster::Record>> list_changed(const std::string& prefix,
                                                    cluster::Revision since,
                                                    std::size_t limit) override {
    return below_.list_changed(prefix, since, limit);
  }
  Result<cluster::Revision> revision() override { return below_.revision(); }

  Result<std::optional<cluster::Revision>> commit(
      const cluster::Transaction& transaction) override {
    if (fails()) return lost();
    const std::uint64_t begun = moments_.next();
    auto committed = below_.commit(transaction);
    const std::uint64_t ended = moments_.next();
    if (!committed) return committed;
    if (*committed) remember(transaction, **committed, begun, ended);
    if (fails()) return lost();
    return committed;
  }

 private:
  static std::unexpected<Error> lost() { return fail("the connection broke"); }
  bool fails() {
    const std::lock_guard lock(mutex_);
    return random_() % 200 == 0;
  }
  void remember(const cluster::Transaction& transaction, cluster::Revision revision,
                std::uint64_t begun, std::uint64_t ended) {
    for (const auto& change : transaction.changes) {
      if (!change.key.starts_with("vms/")) continue;
      log_.add({change.key, change.value, revision, operation, begun, ended});
    }
  }

  cluster::Database& below_;
  Moments& moments_;
  VersionLog& log_;
  std::mutex mutex_;
  std::mt19937_64 random_;  // guarded by it
};

}  // namespace orrery::testing
