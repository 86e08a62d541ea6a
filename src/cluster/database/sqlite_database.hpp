// The database in a file of SQLite, for one panel.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "cluster/database/database.hpp"

namespace orrery::cluster {

class SqliteDatabase final : public Database {
 public:
  // Made if it is not there, readable by its owner alone. An error where another process has it:
  // two panels would need etcd.
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path);
  ~SqliteDatabase() override;

  Result<std::optional<Record>> get(const std::string& key) override;
  Result<std::vector<Record>> list(const std::string& prefix, const std::string& after,
                                   std::size_t limit) override;
  Result<std::vector<Record>> list_changed(const std::string& prefix, Revision since,
                                           std::size_t limit) override;
  Result<std::optional<Revision>> commit(const Transaction& transaction) override;
  Result<Revision> revision() override;

 private:
  struct Parts;
  explicit SqliteDatabase(std::unique_ptr<Parts> parts);

  std::mutex mutex_;  // guards parts_
  const std::unique_ptr<Parts> parts_;
};

}  // namespace orrery::cluster
