// What a database promises, of every kind; and that all kinds do the same.
#include "cluster/database/database.hpp"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "cluster/databases.hpp"

namespace orrery::cluster {
namespace {

class DatabaseTest : public ::testing::TestWithParam<testing::DatabaseKind> {
 protected:
  DatabaseTest() : database_(GetParam().open(folder_.path("")).value()) {}

  Revision put(const std::string& key, const std::string& value) {
    Transaction transaction;
    transaction.put(key, value);
    return database_->commit(transaction).value().value();
  }
  std::vector<std::string> keys(const Result<std::vector<Record>>& records) {
    std::vector<std::string> found;
    for (const Record& record : records.value()) found.push_back(record.key);
    return found;
  }

  const testing::TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
};

using Keys = std::vector<std::string>;

TEST_P(DatabaseTest, KeepsWhatIsPutUntilItIsRemoved) {
  EXPECT_EQ(database_->get("vms/a").value(), std::nullopt);
  const std::string value("any \0 bytes \xff", 13);
  const Revision first = put("vms/a", value);
  EXPECT_EQ(database_->get("vms/a").value(), (Record{"vms/a", value, first}));
  const Revision second = put("vms/a", "");
  EXPECT_GT(second, first);
  EXPECT_EQ(database_->get("vms/a").value(), (Record{"vms/a", "", second}));
  Transaction removal;
  removal.remove("vms/a");
  removal.remove("vms/none");
  EXPECT_GT(database_->commit(removal).value().value(), second);
  EXPECT_EQ(database_->get("vms/a").value(), std::nullopt);
}

TEST_P(DatabaseTest, CommitsAllOrNothing) {
  const Revision first = put("vms/a", "1");
  Transaction transaction;
  transaction.expect("vms/a", first);
  transaction.expect("vms/b", Revision());
  transaction.put("vms/a", "2");
  transaction.put("vms/b", "2");
  const Revision second = database_->commit(transaction).value().value();
  EXPECT_EQ(database_->get("vms/b").value()->revision, second);
  // Both conditions are wrong now, and then one of them.
  EXPECT_EQ(database_->commit(transaction).value(), std::nullopt);
  transaction.conditions[0].revision = second;
  transaction.changes[0].value = "3";
  EXPECT_EQ(database_->commit(transaction).value(), std::nullopt);
  EXPECT_EQ(database_->get("vms/a").value()->value, "2");
  EXPECT_EQ(database_->revision().value(), second);
}

TEST_P(DatabaseTest, ListsInOrderPageByPage) {
  for (const char* const name :
       {"vms/b", "vms/a", "vms/a/1", "vms/c", "vms", "vmsx/a", "users/a"}) {
    put(name, "");
  }
  EXPECT_EQ(keys(database_->list("vms/", "", 100)), (Keys{"vms/a", "vms/a/1", "vms/b", "vms/c"}));
  EXPECT_EQ(keys(database_->list("vms/", "", 2)), (Keys{"vms/a", "vms/a/1"}));
  EXPECT_EQ(keys(database_->list("vms/", "vms/a/1", 2)), (Keys{"vms/b", "vms/c"}));
  EXPECT_EQ(keys(database_->list("vms/", "vms/bb", 2)), (Keys{"vms/c"}));
  EXPECT_EQ(keys(database_->list("vms/", "", 0)), Keys{});
  EXPECT_EQ(keys(database_->list("none/", "", 9)), Keys{});
}

TEST_P(DatabaseTest, ListsWhatHasChangedSince) {
  const Revision start = database_->revision().value();
  const Revision a = put("events/1", "a");
  put("vms/a", "");
  Transaction two;
  two.put("events/2", "b");
  two.put("events/3", "b");
  const Revision b = database_->commit(two).value().value();
  put("events/1", "changed");
  EXPECT_EQ(keys(database_->list_changed("events/", start, 100)),
            (Keys{"events/2", "events/3", "events/1"}));
  // All of one commit, although one was asked for.
  EXPECT_EQ(keys(database_->list_changed("events/", a, 1)), (Keys{"events/2", "events/3"}));
  EXPECT_EQ(keys(database_->list_changed("events/", b, 1)), (Keys{"events/1"}));
  EXPECT_EQ(keys(database_->list_changed("events/", database_->revision().value(), 9)), Keys{});
  EXPECT_EQ(keys(database_->list_changed("events/", start, 0)), Keys{});
}

// Random work, against a list of all commits.
TEST_P(DatabaseTest, DoesWhatAModelDoes) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(format("seed {}", seed));
  std::mt19937 random(seed);
  std::map<std::string, Record> model;
  const auto any_key = [&] { return format("{}/{}", "abc"[random() % 3], random() % 8); };
  for (int i = 0; i < 2000; ++i) {
    Transaction transaction;
    bool holds = true;
    for (unsigned n = random() % 3; n > 0; --n) {
      const std::string key = any_key();
      const auto found = model.find(key);
      const Revision now = found == model.end() ? Revision() : found->second.revision;
      const bool wrong = random() % 8 == 0;
      transaction.expect(key, wrong ? now + 1 : now);
      holds = holds && !wrong;
    }
    std::map<std::string, std::optional<std::string>> changes;
    for (unsigned n = random() % 4; n > 0; --n) {
      const bool removal = random() % 4 == 0;
      changes[any_key()] = removal ? std::nullopt : std::optional(format("{}", random()));
    }
    for (const auto& [key, value] : changes) transaction.changes.push_back({key, value});
    if (random() % 2 == 0) transaction.durability = Durability::kVolatile;
    const auto committed = database_->commit(transaction).value();
    ASSERT_EQ(committed.has_value(), holds);
    for (const auto& [key, value] : changes) {
      if (!holds) break;
      model.erase(key);
      if (value) model[key] = {key, *value, *committed};
    }
    const std::string prefix = any_key().substr(0, 2);
    std::vector<Record> expected;
    for (const auto& [key, record] : model) {
      if (key.starts_with(prefix)) expected.push_back(record);
    }
    ASSERT_EQ(database_->list(prefix, "", 100).value(), expected);
    std::ranges::sort(expected, {}, [](const Record& r) { return std::pair(r.revision, r.key); });
    const Revision since(random() % (database_->revision()->value() + 1));
    std::erase_if(expected, [&](const Record& r) { return r.revision <= since; });
    ASSERT_EQ(database_->list_changed(prefix, since, 100).value(), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DatabaseTest, ::testing::ValuesIn(testing::database_kinds()),
                         [](const auto& test) { return test.param.name; });

TEST(SqliteDatabase, HasWhatItHadWhenItIsOpenedAgain) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path("panel.db");
  Revision last;
  {
    auto database = SqliteDatabase::open(path).value();
    Transaction transaction;
    transaction.put("vms/a", "1");
    ASSERT_TRUE(database->commit(transaction).value());
    transaction.changes.clear();
    transaction.remove("vms/a");
    transaction.put("vms/b", "2");
    last = database->commit(transaction).value().value();
    const auto second = SqliteDatabase::open(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message(), path + ": another panel has it");
  }
  auto database = SqliteDatabase::open(path).value();
  EXPECT_EQ(database->revision().value(), last);
  EXPECT_EQ(database->list("vms/", "", 9).value(), (std::vector<Record>{{"vms/b", "2", last}}));
  EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::all,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(SqliteDatabase, SaysWhatIsWrongWithItsFile) {
  const testing::TemporaryFolder folder;
  const auto opened = SqliteDatabase::open(folder.path("none/panel.db"));
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message().find("unable to open"), std::string::npos)
      << opened.error().message();
}

}  // namespace
}  // namespace orrery::cluster
