// The database in etcd, for several panels: version 3 of its API, over its JSON gateway
// (etcd 3.4 and newer, `/v3/kv/range` and `/v3/kv/txn`).
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/loop/event_loop.hpp"
#include "cluster/database/database.hpp"
#include "http/client.hpp"

namespace orrery::cluster {

class EtcdDatabase final : public Database {
 public:
  struct Options {
    std::string server;     // HOST:PORT, where clients are served
    std::string name = "";  // what all keys begin with, so that others may use the same etcd
  };
  // An error: nobody answers there, or no etcd does.
  static Result<std::unique_ptr<EtcdDatabase>> open(const Options& options);

  Result<std::optional<Record>> get(const std::string& key) override;
  Result<std::vector<Record>> list(const std::string& prefix, const std::string& after,
                                   std::size_t limit) override;
  Result<std::vector<Record>> list_changed(const std::string& prefix, Revision since,
                                           std::size_t limit) override;
  Result<std::optional<Revision>> commit(const Transaction& transaction) override;
  Result<Revision> revision() override;

 private:
  EtcdDatabase(Options options, std::unique_ptr<EventLoop> loop,
               std::unique_ptr<http::Client> client);
  Result<nlohmann::json> ask(const char* path, const nlohmann::json& body);
  Result<std::vector<Record>> range(nlohmann::json body);
  std::string encoded(const std::string& key) const;

  const Options options_;
  std::mutex mutex_;  // guards the two below: one request at a time
  const std::unique_ptr<EventLoop> loop_;
  const std::unique_ptr<http::Client> client_;
};

}  // namespace orrery::cluster
