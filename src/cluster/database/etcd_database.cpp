#include "cluster/database/etcd_database.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/encoding/base64.hpp"
#include "base/format.hpp"
#include "base/loop/run_until_done.hpp"

namespace orrery::cluster {
namespace {

using Json = nlohmann::json;

// The gateway's 64-bit numbers are texts (proto3's JSON), and are left away where they are 0.
std::uint64_t number_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return 0;
  const auto& text = found->get_ref<const std::string&>();
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string bytes_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return "";
  const auto bytes = from_base64(found->get_ref<const std::string&>());
  if (!bytes) return "";
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

std::string base64_of(const std::string& text) {
  return to_base64(as_bytes(text.data(), text.size()));
}

// 0 would be all of them.
std::string limit_text(std::size_t limit) {
  constexpr std::size_t kMost = INT64_MAX;
  return std::to_string(std::min(limit, kMost));
}

Revision revision_in(const Json& answer) {
  const auto header = answer.find("header");
  return Revision(header == answer.end() ? 0 : number_in(*header, "revision"));
}

}  // namespace

EtcdDatabase::EtcdDatabase(Options options, std::vector<TcpServer> servers)
    : options_(std::move(options)), servers_(std::move(servers)) {}

Result<std::unique_ptr<EtcdDatabase>> EtcdDatabase::open(const Options& options) {
  ORRERY_TRY(auto servers, find_tcp_servers(options.servers));
  std::unique_ptr<EtcdDatabase> database(new EtcdDatabase(options, std::move(servers)));
  ORRERY_CHECK(database->revision());
  return database;
}

std::string EtcdDatabase::encoded(const std::string& key) const {
  return base64_of(options_.name + key);
}

Result<EtcdDatabase::Connection> EtcdDatabase::take_connection() {
  const std::lock_guard lock(mutex_);
  if (!idle_.empty()) {
    Connection connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }
  Connection connection;
  ORRERY_TRY(connection.loop, EventLoop::create());
  connection.client =
      std::make_unique<http::Client>(*connection.loop, servers_, http::Client::Times{});
  return connection;
}

Result<Json> EtcdDatabase::ask(const char* path, const Json& body) {
  ORRERY_TRY(Connection connection, take_connection());
  http::Ask ask;
  ask.method = http::Method::kPost;
  ask.target = path;
  ask.body = body.dump();
  const Result<http::Answer> answer =
      run_until_done(*connection.loop, connection.client->ask(std::move(ask)));
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
  }
  if (!answer) return fail(answer.error().context("etcd"));
  Json json = Json::parse(answer->text(), nullptr, false);
  if (answer->status == 200 && json.is_object() && json.contains("header")) return json;
  return fail(format("etcd at {} answers with status {}: {}", options_.servers, answer->status,
                     answer->text().substr(0, 200)));
}

Result<std::vector<Record>> EtcdDatabase::range(const Json& body) {
  ORRERY_TRY(const Json answer, ask("/v3/kv/range", body));
  std::vector<Record> records;
  const auto found = answer.find("kvs");
  if (found == answer.end() || !found->is_array()) return records;
  for (const Json& each : *found) {
    std::string key = bytes_in(each, "key");
    if (!key.starts_with(options_.name)) continue;
    records.push_back({key.substr(options_.name.size()), bytes_in(each, "value"),
                       Revision(number_in(each, "mod_revision"))});
  }
  return records;
}

Result<std::optional<Record>> EtcdDatabase::get(const std::string& key) {
  ORRERY_TRY(auto records, range({{"key", encoded(key)}}));
  if (records.empty()) return std::nullopt;
  return std::move(records.front());
}

Result<std::vector<Record>> EtcdDatabase::list(const std::string& prefix, const std::string& after,
                                               std::size_t limit) {
  if (limit == 0) return std::vector<Record>{};
  // The key behind AFTER is AFTER with a zero byte.
  const std::string first = after < prefix ? prefix : after + '\0';
  return range({{"key", encoded(first)},
                {"range_end", encoded(end_of(prefix))},
                {"limit", limit_text(limit)},
                {"sort_order", "ASCEND"},
                {"sort_target", "KEY"}});
}

Result<std::vector<Record>> EtcdDatabase::list_changed(const std::string& prefix, Revision since,
                                                       std::size_t limit) {
  if (limit == 0) return std::vector<Record>{};
  Json body{{"key", encoded(prefix)},
            {"range_end", encoded(end_of(prefix))},
            {"min_mod_revision", std::to_string(since.value() + 1)},
            {"limit", limit_text(limit)},
            {"sort_order", "ASCEND"},
            {"sort_target", "MOD"}};
  ORRERY_TRY(auto records, range(body));
  if (records.size() >= limit) {
    // All of the last one's revision.
    const Revision last = records.back().revision;
    std::erase_if(records, [&](const Record& record) { return record.revision == last; });
    body["min_mod_revision"] = body["max_mod_revision"] = std::to_string(last.value());
    body.erase("limit");
    ORRERY_TRY(auto rest, range(body));
    records.insert(records.end(), rest.begin(), rest.end());
  }
  std::ranges::sort(records, {},
                    [](const Record& each) { return std::pair(each.revision, each.key); });
  return records;
}

Result<std::optional<Revision>> EtcdDatabase::commit(const Transaction& transaction) {
  Json compare = Json::array();
  for (const Transaction::Condition& each : transaction.conditions) {
    compare.push_back({{"key", encoded(each.key)},
                       {"result", "EQUAL"},
                       {"target", "MOD"},
                       {"mod_revision", std::to_string(each.revision.value())}});
  }
  Json success = Json::array();
  for (const Transaction::Change& each : transaction.changes) {
    if (each.value) {
      success.push_back(
          {{"request_put", {{"key", encoded(each.key)}, {"value", base64_of(*each.value)}}}});
    } else {
      success.push_back({{"request_delete_range", {{"key", encoded(each.key)}}}});
    }
  }
  ORRERY_TRY(const Json answer, ask("/v3/kv/txn", {{"compare", compare}, {"success", success}}));
  const auto succeeded = answer.find("succeeded");
  if (succeeded == answer.end() || *succeeded != true) return std::nullopt;
  return revision_in(answer);
}

Result<Revision> EtcdDatabase::revision() {
  ORRERY_TRY(const Json answer,
             ask("/v3/kv/range", {{"key", encoded("none")}, {"count_only", true}}));
  return revision_in(answer);
}

}  // namespace orrery::cluster
