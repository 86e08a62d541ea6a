// The kinds of database, for tests that all of them have to pass.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "cluster/database/memory_database.hpp"
#include "cluster/database/sqlite_database.hpp"
#include "cluster/etcd_server.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::testing {

struct DatabaseKind {
  std::string name;
  unsigned slowness;  // how long a commit takes, as against one in memory
  // In FOLDER; opened again, it has what it had, unless it is in memory.
  std::function<Result<std::unique_ptr<cluster::Database>>(const std::string& folder)> open;
};
inline void PrintTo(const DatabaseKind& kind, std::ostream* to) {
  *to << kind.name;
}

inline std::vector<DatabaseKind> database_kinds() {
  std::vector<DatabaseKind> kinds{
      {"Memory", 1,
       [](const std::string&) -> Result<std::unique_ptr<cluster::Database>> {
         return std::make_unique<cluster::MemoryDatabase>();
       }},
      {"Sqlite", 1,
       [](const std::string& folder) -> Result<std::unique_ptr<cluster::Database>> {
         return cluster::SqliteDatabase::open(folder + "/panel.db");
       }},
  };
  // (`tools/setup test` installs it.)
  if (EtcdServer::installed()) {
    kinds.push_back(
        {"Etcd", 20, [](const std::string& folder) { return EtcdServer::shared().open(folder); }});
  }
  return kinds;
}

}  // namespace orrery::testing
