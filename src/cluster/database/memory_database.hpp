// The database in this process's memory: for tests, simulations and fuzzers. It ends with it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "cluster/database/database.hpp"

namespace orrery::cluster {

class MemoryDatabase final : public Database {
 public:
  Result<std::optional<Record>> get(const std::string& key) override;
  Result<std::vector<Record>> list(const std::string& prefix, const std::string& after,
                                   std::size_t limit) override;
  Result<std::vector<Record>> list_changed(const std::string& prefix, Revision since,
                                           std::size_t limit) override;
  Result<std::optional<Revision>> commit(const Transaction& transaction) override;
  Result<Revision> revision() override;

 private:
  void apply(const Transaction::Change& change);

  std::mutex mutex_;  // guards all below
  std::map<std::string, Record> records_;
  std::set<std::pair<Revision, std::string>> by_revision_;
  Revision revision_;
};

}  // namespace orrery::cluster
