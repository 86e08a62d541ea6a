// The database in etcd, for several panels: version 3 of its API, over its JSON gateway
// (etcd 3.4 and newer, `/v3/kv/range` and `/v3/kv/txn`).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/loop/event_loop.hpp"
#include "cluster/database/database.hpp"
#include "http/client.hpp"

namespace orrery::cluster {

class EtcdDatabase final : public Database {
 public:
  struct Options {
    std::string servers;    // HOST:PORT[,...], where members of the etcd cluster serve clients
    std::string name = "";  // what all keys begin with, so that others may use the same etcd
  };
  // An error: nobody answers there, or no etcd does. A member that goes away is followed by the
  // next.
  static Result<std::unique_ptr<EtcdDatabase>> open(const Options& options);

  Result<std::optional<Record>> get(const std::string& key) override;
  Result<std::vector<Record>> list(const std::string& prefix, const std::string& after,
                                   std::size_t limit) override;
  Result<std::vector<Record>> list_changed(const std::string& prefix, Revision since,
                                           std::size_t limit) override;
  Result<std::optional<Revision>> commit(const Transaction& transaction) override;
  Result<Revision> revision() override;
  bool shared() const override { return true; }

 private:
  // One request's at a time; there are as many as there were requests at once.
  struct Connection {
    std::unique_ptr<EventLoop> loop;
    std::unique_ptr<http::Client> client;
  };

  EtcdDatabase(Options options, std::vector<TcpServer> servers);
  Result<Connection> take_connection();
  Result<nlohmann::json> ask(const char* path, const nlohmann::json& body);
  Result<std::vector<Record>> range(const nlohmann::json& body);
  std::string encoded(const std::string& key) const;

  const Options options_;
  const std::vector<TcpServer> servers_;
  std::mutex mutex_;  // guards what is below
  std::vector<Connection> idle_;
};

}  // namespace orrery::cluster
