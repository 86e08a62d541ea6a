#include "cluster/database/sqlite.hpp"

#include "base/assert.hpp"
#include "base/files/shared_library.hpp"

namespace orrery::cluster {
namespace {

Result<Sqlite> load() {
  ORRERY_TRY(const SharedLibrary library, SharedLibrary::load("libsqlite3.so.0", "libsqlite3-0"));
  Sqlite functions;
#define ORRERY_BIND(name) ORRERY_CHECK(library.bind(functions.name, #name));
  ORRERY_SQLITE_FUNCTIONS(ORRERY_BIND)
#undef ORRERY_BIND
  return functions;
}

}  // namespace

const Result<Sqlite>& Sqlite::get() {
  static const Result<Sqlite> kLibrary = load();
  return kLibrary;
}

const Sqlite& Sqlite::loaded() {
  ORRERY_ASSERT(get().has_value());
  return *get();
}

Result<Statement> Statement::prepare(sqlite3* database, std::string_view text) {
  sqlite3_stmt* statement = nullptr;
  const Sqlite& sqlite = Sqlite::loaded();
  const int code = sqlite.sqlite3_prepare_v3(database, text.data(), static_cast<int>(text.size()),
                                             SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return fail(sqlite.sqlite3_errmsg(database));
  return Statement(database, statement);
}

Result<bool> Statement::step() {
  const int code = Sqlite::loaded().sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(Sqlite::loaded().sqlite3_errmsg(database_));
}

Result<> Statement::run() {
  ORRERY_TRY(const bool row, step());
  (void)row;
  reset();
  return {};
}

std::string Statement::text(int column) const {
  const Sqlite& sqlite = Sqlite::loaded();
  const void* const data = sqlite.sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite.sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::int64_t Statement::number(int column) const {
  return Sqlite::loaded().sqlite3_column_int64(statement_.get(), column);
}

// An empty blob is one, too, and not NULL.
void Statement::bind_one(int index, const std::string& value) {
  Sqlite::loaded().sqlite3_bind_blob64(statement_.get(), index, value.data(), value.size(),
                                       SQLITE_STATIC);
}

void Statement::bind_one(int index, std::int64_t value) {
  Sqlite::loaded().sqlite3_bind_int64(statement_.get(), index, value);
}

}  // namespace orrery::cluster
