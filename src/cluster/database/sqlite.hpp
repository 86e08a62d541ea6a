// The functions of SQLite that the panel needs, loaded when it opens its database, so that a VM has
// no SQLite in memory; and a statement of it. Private to cluster/database/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "base/error.hpp"

// The one list of them.
#define ORRERY_SQLITE_FUNCTIONS(FUNCTION) \
  FUNCTION(sqlite3_bind_blob64)           \
  FUNCTION(sqlite3_bind_int64)            \
  FUNCTION(sqlite3_busy_timeout)          \
  FUNCTION(sqlite3_clear_bindings)        \
  FUNCTION(sqlite3_close_v2)              \
  FUNCTION(sqlite3_column_blob)           \
  FUNCTION(sqlite3_column_bytes)          \
  FUNCTION(sqlite3_column_int64)          \
  FUNCTION(sqlite3_errmsg)                \
  FUNCTION(sqlite3_exec)                  \
  FUNCTION(sqlite3_finalize)              \
  FUNCTION(sqlite3_open_v2)               \
  FUNCTION(sqlite3_prepare_v3)            \
  FUNCTION(sqlite3_reset)                 \
  FUNCTION(sqlite3_step)

namespace orrery::cluster {

struct Sqlite {
#define ORRERY_MEMBER(name) decltype(&::name) name = nullptr;
  ORRERY_SQLITE_FUNCTIONS(ORRERY_MEMBER)
#undef ORRERY_MEMBER

  // Loaded by the first call, from any thread.
  static const Result<Sqlite>& get();
  // After get() has succeeded.
  static const Sqlite& loaded();
};

struct CloseSqlite {
  void operator()(sqlite3* database) const { Sqlite::loaded().sqlite3_close_v2(database); }
};
using SqliteConnection = std::unique_ptr<sqlite3, CloseSqlite>;

// A prepared statement; texts are bound and read as blobs, byte by byte.
class Statement {
 public:
  static Result<Statement> prepare(sqlite3* database, std::string_view text);

  // For one execution, from the first step() on: parameters in order.
  template <typename... Values>
  void bind(const Values&... values) {
    const Sqlite& sqlite = Sqlite::loaded();
    sqlite.sqlite3_reset(statement_.get());
    sqlite.sqlite3_clear_bindings(statement_.get());
    int index = 0;
    (bind_one(++index, values), ...);
  }
  // True: there is a row.
  Result<bool> step();
  // Runs it to its end, without rows.
  Result<> run();
  // Ends an execution early, or at its end, so that it holds nothing.
  void reset() { Sqlite::loaded().sqlite3_reset(statement_.get()); }

  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { Sqlite::loaded().sqlite3_finalize(statement); }
  };
  Statement(sqlite3* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}
  // (The caller's text lives until the execution is over.)
  void bind_one(int index, const std::string& value);
  void bind_one(int index, std::int64_t value);

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace orrery::cluster
