#include "cluster/database/sqlite_database.hpp"

#include <limits>
#include <utility>

#include <sys/stat.h>

#include "base/format.hpp"
#include "cluster/database/sqlite.hpp"

namespace orrery::cluster {
namespace {

// Blobs, because they are compared byte by byte. The last revision has a row of its own, for the
// record that had it may be removed.
constexpr const char* kSchema = R"(
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS records (
    key BLOB PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS records_by_revision ON records (revision, key);
  CREATE TABLE IF NOT EXISTS last_revision (
    one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL);
  INSERT OR IGNORE INTO last_revision VALUES (1, 0);
)";

std::int64_t to_sql(Revision revision) {
  return static_cast<std::int64_t>(revision.value());
}

std::int64_t to_sql(std::size_t limit) {
  constexpr std::size_t kMost = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(limit, kMost));
}

Revision revision_of(std::int64_t number) {
  return Revision(static_cast<std::uint64_t>(number));
}

}  // namespace

struct SqliteDatabase::Parts {
  SqliteConnection connection;
  Statement get;
  Statement list;
  Statement list_changed;
  Statement put;
  Statement remove;
  Statement last;
  Statement advance;
  Statement begin;
  Statement commit;
  Statement roll_back;
  Statement wait_for_disk;
  Statement do_not_wait;

  static Result<std::unique_ptr<Parts>> make(SqliteConnection connection);
  Result<> execute(const char* text) const;
  Result<Revision> revision_of_key(const std::string& key);
  Result<Revision> last_revision();
  Result<bool> holds(const Transaction& transaction);
  Result<> apply(const Transaction& transaction, Revision revision);
  Result<std::optional<Revision>> try_commit(const Transaction& transaction);
  static Result<std::vector<Record>> rows(Statement& statement);
};

Result<std::unique_ptr<SqliteDatabase::Parts>> SqliteDatabase::Parts::make(
    SqliteConnection connection) {
  sqlite3* const c = connection.get();
  const auto prepare = [c](const char* text) { return Statement::prepare(c, text); };
  ORRERY_TRY(Statement get, prepare("SELECT key, value, revision FROM records WHERE key = ?"));
  ORRERY_TRY(Statement list, prepare("SELECT key, value, revision FROM records WHERE key >= ? AND "
                                     "key < ? AND key > ? ORDER BY key LIMIT ?"));
  ORRERY_TRY(
      Statement list_changed,
      prepare("SELECT key, value, revision FROM records WHERE revision > ? AND revision <= "
              "ifnull((SELECT revision FROM records WHERE revision > ? AND key >= ? AND key < ? "
              "ORDER BY revision, key LIMIT 1 OFFSET ?), 9223372036854775807) AND key >= ? AND key "
              "< ? ORDER BY revision, key"));
  ORRERY_TRY(Statement put, prepare("INSERT OR REPLACE INTO records VALUES (?, ?, ?)"));
  ORRERY_TRY(Statement remove, prepare("DELETE FROM records WHERE key = ?"));
  ORRERY_TRY(Statement last, prepare("SELECT revision FROM last_revision"));
  ORRERY_TRY(Statement advance, prepare("UPDATE last_revision SET revision = ?"));
  ORRERY_TRY(Statement begin, prepare("BEGIN IMMEDIATE"));
  ORRERY_TRY(Statement commit, prepare("COMMIT"));
  ORRERY_TRY(Statement roll_back, prepare("ROLLBACK"));
  ORRERY_TRY(Statement wait_for_disk, prepare("PRAGMA synchronous = FULL"));
  ORRERY_TRY(Statement do_not_wait, prepare("PRAGMA synchronous = NORMAL"));
  return std::unique_ptr<Parts>(new Parts{
      std::move(connection), std::move(get), std::move(list), std::move(list_changed),
      std::move(put), std::move(remove), std::move(last), std::move(advance), std::move(begin),
      std::move(commit), std::move(roll_back), std::move(wait_for_disk), std::move(do_not_wait)});
}

Result<std::vector<Record>> SqliteDatabase::Parts::rows(Statement& statement) {
  std::vector<Record> found;
  while (true) {
    ORRERY_TRY(const bool row, statement.step());
    if (!row) break;
    found.push_back({statement.text(0), statement.text(1), revision_of(statement.number(2))});
  }
  statement.reset();
  return found;
}

Result<Revision> SqliteDatabase::Parts::revision_of_key(const std::string& key) {
  get.bind(key);
  ORRERY_TRY(const bool row, get.step());
  const Revision revision = row ? revision_of(get.number(2)) : Revision();
  get.reset();
  return revision;
}

Result<Revision> SqliteDatabase::Parts::last_revision() {
  last.bind();
  ORRERY_CHECK(last.step());
  const Revision revision = revision_of(last.number(0));
  last.reset();
  return revision;
}

Result<bool> SqliteDatabase::Parts::holds(const Transaction& transaction) {
  for (const Transaction::Condition& condition : transaction.conditions) {
    ORRERY_TRY(const Revision now, revision_of_key(condition.key));
    if (now != condition.revision) return false;
  }
  return true;
}

Result<> SqliteDatabase::Parts::apply(const Transaction& transaction, Revision revision) {
  for (const Transaction::Change& change : transaction.changes) {
    Statement& statement = change.value ? put : remove;
    if (change.value) {
      put.bind(change.key, *change.value, to_sql(revision));
    } else {
      remove.bind(change.key);
    }
    ORRERY_CHECK(statement.run());
  }
  advance.bind(to_sql(revision));
  return advance.run();
}

Result<std::optional<Revision>> SqliteDatabase::Parts::try_commit(const Transaction& transaction) {
  ORRERY_TRY(const bool all_hold, holds(transaction));
  if (!all_hold) return std::nullopt;
  ORRERY_TRY(const Revision before, last_revision());
  ORRERY_CHECK(apply(transaction, before + 1));
  ORRERY_CHECK(commit.run());
  return before + 1;
}

SqliteDatabase::SqliteDatabase(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SqliteDatabase::~SqliteDatabase() = default;

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path) {
  const Result<Sqlite>& sqlite = Sqlite::get();
  if (!sqlite) return fail(sqlite.error());
  sqlite3* opened = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  const mode_t mask = ::umask(S_IRWXG | S_IRWXO);
  const int code = sqlite->sqlite3_open_v2(path.c_str(), &opened, kFlags, nullptr);
  SqliteConnection connection(opened);
  std::string reason = code == SQLITE_OK ? "" : sqlite->sqlite3_errmsg(opened);
  if (code == SQLITE_OK &&
      sqlite->sqlite3_exec(opened, kSchema, nullptr, nullptr, nullptr) != SQLITE_OK) {
    reason = sqlite->sqlite3_errmsg(opened);
    if (reason == "database is locked") reason = "another panel has it";
  }
  ::umask(mask);
  if (!reason.empty()) return fail(format("{}: {}", path, reason));
  auto parts = Parts::make(std::move(connection));
  if (!parts) return fail(parts.error().context(path));
  return std::unique_ptr<SqliteDatabase>(new SqliteDatabase(std::move(*parts)));
}

Result<std::optional<Record>> SqliteDatabase::get(const std::string& key) {
  const std::lock_guard lock(mutex_);
  parts_->get.bind(key);
  ORRERY_TRY(auto found, Parts::rows(parts_->get));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<std::vector<Record>> SqliteDatabase::list(const std::string& prefix,
                                                 const std::string& after, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  const std::string end = end_of(prefix);
  parts_->list.bind(prefix, end, after, to_sql(limit));
  return Parts::rows(parts_->list);
}

Result<std::vector<Record>> SqliteDatabase::list_changed(const std::string& prefix, Revision since,
                                                         std::size_t limit) {
  if (limit == 0) return std::vector<Record>{};
  const std::lock_guard lock(mutex_);
  const std::string end = end_of(prefix);
  parts_->list_changed.bind(to_sql(since), to_sql(since), prefix, end, to_sql(limit - 1), prefix,
                            end);
  return Parts::rows(parts_->list_changed);
}

Result<std::optional<Revision>> SqliteDatabase::commit(const Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  const bool durable = transaction.durability == Durability::kDurable;
  ORRERY_CHECK((durable ? parts_->wait_for_disk : parts_->do_not_wait).run());
  ORRERY_CHECK(parts_->begin.run());
  auto committed = parts_->try_commit(transaction);
  if (!committed || !*committed) ORRERY_CHECK(parts_->roll_back.run());
  return committed;
}

Result<Revision> SqliteDatabase::revision() {
  const std::lock_guard lock(mutex_);
  return parts_->last_revision();
}

}  // namespace orrery::cluster
