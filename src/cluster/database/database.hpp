// Where the control panel keeps what it knows: records under keys, with revisions. The seam below
// which it is this process's memory, a file of SQLite, or etcd.
//
// Every commit has a revision, higher than all before; a record has that of the commit that wrote
// it. A commit may say which revisions it has seen, and is made only where they are still the
// latest: so whoever decides by what was read decides by what is true, however many panels there
// are.
//
// Keys are parts separated by slashes, "vms/web-1"; they are ordered by their bytes. Any thread,
// several at a time; calls wait for the disk or the network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/types.hpp"

namespace orrery::cluster {

// 0 is before all commits, and stands for "there is no such record".
using Revision = StrongInteger<struct RevisionTag>;

struct Record {
  std::string key;
  std::string value;
  Revision revision;
  friend bool operator==(const Record&, const Record&) = default;
};

// What a power cut of the host may take back. A killed process takes nothing back either way.
enum class Durability : std::uint8_t {
  kDurable,   // nothing, once commit() has returned
  kVolatile,  // the last of them: for what is soon written anew, such as leases
};

struct Transaction {
  struct Condition {
    std::string key;
    Revision revision;  // as it was read
  };
  struct Change {
    std::string key;
    std::optional<std::string> value;  // nothing: the record is removed
  };
  std::vector<Condition> conditions;
  std::vector<Change> changes;  // a key at most once
  Durability durability = Durability::kDurable;

  void expect(std::string key, Revision revision) {
    conditions.push_back({std::move(key), revision});
  }
  void put(std::string key, std::string value) {
    changes.push_back({std::move(key), std::move(value)});
  }
  void remove(std::string key) { changes.push_back({std::move(key), std::nullopt}); }
};

class Database {
 public:
  virtual ~Database() = default;

  virtual Result<std::optional<Record>> get(const std::string& key) = 0;

  // Records whose keys begin with PREFIX and come after AFTER (a whole key; empty: from the first),
  // in the keys' order, LIMIT at most.
  virtual Result<std::vector<Record>> list(const std::string& prefix, const std::string& after,
                                           std::size_t limit) = 0;

  // Records whose keys begin with PREFIX and that were written after SINCE, in the order of
  // revisions; LIMIT at most, but all of the last one's revision. What was removed is not there.
  virtual Result<std::vector<Record>> list_changed(const std::string& prefix, Revision since,
                                                   std::size_t limit) = 0;

  // All changes or none. Nothing: a condition does not hold, and nothing is changed. An error may
  // leave it open whether the commit was made.
  virtual Result<std::optional<Revision>> commit(const Transaction& transaction) = 0;

  // Of the last commit.
  virtual Result<Revision> revision() = 0;

  // Whether others may have it open, too, and commit what this process is not told of.
  virtual bool shared() const { return false; }
};

// The key behind all that begin with PREFIX, for ranges: "vms/" gives "vms0".
std::string end_of(std::string prefix);

}  // namespace orrery::cluster
