// `orrery panel`.
#include "cluster/panel/panel.hpp"

#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <sys/stat.h>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/sockets/listening_socket.hpp"
#include "cli/commands.hpp"
#include "cli/disk/disk.hpp"
#include "cli/secret_file.hpp"
#include "cluster/database/etcd_database.hpp"
#include "cluster/database/sqlite_database.hpp"
#include "cluster/host/vm_options.hpp"
#include "cluster/registry/users.hpp"
#include "http/server.hpp"
#include "store/digest.hpp"
#include "vmm/host/signals.hpp"
#include "vmm/host/system_clock.hpp"
#include "vmm/host/system_entropy.hpp"

namespace orrery::cli {
namespace {

struct Given {
  std::string folder;
  std::string listen = "127.0.0.1:8472";
  std::string etcd;
  std::string etcd_name = "orrery/";
  std::string advertise;
  bool everywhere = false;
  bool verbose = false;
};

Result<cluster::Resources> check_options(const cluster::VmOptions& options) {
  ORRERY_TRY(const vmm::Configuration configuration, cluster::host::configuration_of(options));
  return cluster::Resources{.memory = configuration.memory, .cpus = configuration.cpus};
}

// The first start's administrator.
Result<> make_first_user(const cluster::Registry& registry, const std::string& folder) {
  const auto token = cluster::Users(registry).create_first();
  if (!token) return fail(token.error().message);
  if (!*token) return {};
  const std::string path = folder + "/admin.token";
  ORRERY_CHECK(write_secret(path, **token + "\n"));
  fmt::print(stderr, "orrery panel: the token of the administrator is in {}\n", path);
  return {};
}

// Agents and users go first; then what is under way is finished.
Result<> serve_until_signal(EventLoop& loop, cluster::Panel& panel, http::Server& server) {
  bool ended = false;
  bool stopping = false;
  vmm::SignalActions actions;
  actions.end = [&](int /*number*/) {
    if (std::exchange(stopping, true)) return server.drop_clients();
    panel.stop();
    server.stop([&] {
      ended = true;
      loop.stop();
    });
  };
  actions.continued = [] {};
  ORRERY_TRY(const auto signals, vmm::Signals::create(loop, std::move(actions)));
  panel.start();
  while (!ended) loop.run();
  return {};
}

// SQLite in the folder; or etcd, which several panels share.
Result<std::unique_ptr<cluster::Database>> open_database(const Given& given) {
  if (given.etcd.empty()) return cluster::SqliteDatabase::open(given.folder + "/panel.db");
  if (given.etcd.find("://") != std::string::npos) {
    return fail(format("--etcd {}: write HOST:PORT, without a scheme; etcd is spoken to by HTTP",
                       given.etcd));
  }
  auto database = cluster::EtcdDatabase::open({.servers = given.etcd, .name = given.etcd_name});
  if (!database) return fail(database.error().context("--etcd"));
  return database;
}

// By which other panels reach this one.
Result<std::string> advertised(const Given& given, const FileDescriptor& listener) {
  if (!given.advertise.empty()) {
    auto server = find_tcp_server(given.advertise);
    if (!server) return fail(server.error().context("--advertise"));
    return given.advertise;
  }
  ORRERY_TRY(const TcpAddress where, tcp_address(listener.get()));
  const bool everywhere = where.text.starts_with("0.0.0.0:") || where.text.starts_with("[::]:");
  if (!given.etcd.empty() && everywhere) {
    return fail(
        format("--listen {}: other panels cannot reach this one there; add --advertise "
               "HOST:PORT, by which they can",
               given.listen));
  }
  return where.text;
}

// Tokens go over the network as they are.
Result<FileDescriptor> listen(const Given& given, std::string& address) {
  auto listener = listen_tcp(given.listen, http::Server::kBacklog);
  if (!listener) return fail(format("--listen {}: {}", given.listen, listener.error().message()));
  ORRERY_TRY(const TcpAddress where, tcp_address(listener->get()));
  if (!where.only_this_host && !given.everywhere) {
    return fail(
        format("--listen {}: others could reach it, and read tokens on the way, as there is no "
               "encryption; "
               "put a TLS proxy before it, or add --plain where the network is yours alone",
               given.listen));
  }
  address = where.text;
  return listener;
}

Result<int> serve(EventLoop& loop, const Given& given) {
  if (given.verbose) log::set_level(log::Level::kInfo);
  vmm::block_served_signals();
  ORRERY_CHECK(store::load_hasher());
  if (::mkdir(given.folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return fail_errno(given.folder + ": cannot be made");
  }
  ORRERY_TRY(const auto database, open_database(given));
  vmm::SystemClock clock;
  vmm::SystemEntropy entropy;
  std::string address;
  ORRERY_TRY(FileDescriptor listener, listen(given, address));
  ORRERY_TRY(const std::string reached_at, advertised(given, listener));
  cluster::Registry registry({*database, clock, entropy, reached_at});
  ORRERY_CHECK(make_first_user(registry, given.folder));
  const cluster::api::Api api(registry, check_options);
  // SQLite is asked by one at a time, and others wait for its disk meanwhile; etcd by all.
  const unsigned most_at_once = given.etcd.empty() ? 4 : 16;
  WorkerPool workers(most_at_once);
  cluster::Panel panel(loop, workers, registry, api, cluster::page::files());
  http::Server::Options options{.name = "panel", .limits = {}};
  options.limits.clients = 4096;  // agents stay connected
  options.limits.body = cluster::api::kMostBody;
  ORRERY_TRY(const auto server,
             http::Server::create(loop, std::move(listener), panel, workers, options));
  fmt::print("http://{}/v1\n", address);
  std::fflush(stdout);
  ORRERY_CHECK(serve_until_signal(loop, panel, *server));
  return 0;
}

}  // namespace

void add_panel(CLI::App& application, int& status) {
  CLI::App* const command = application.add_subcommand("panel", std::string(help_of("panel")));
  const auto given = std::make_shared<Given>();
  command
      ->add_option("folder", given->folder, "where it keeps what it knows; made if it is not there")
      ->required();
  command->add_option("--listen", given->listen, "ADDRESS:PORT; 127.0.0.1:8472 if left away");
  CLI::Option* const etcd = command->add_option(
      "--etcd", given->etcd,
      "HOST:PORT[,HOST:PORT...] of an etcd cluster that keeps what the panel knows, "
      "instead of a file in the folder: several panels may share it");
  command
      ->add_option("--etcd-prefix", given->etcd_name,
                   "what all keys there begin with; orrery/ if left away")
      ->needs(etcd);
  command
      ->add_option("--advertise", given->advertise,
                   "HOST:PORT by which other panels reach this one; what it listens at if left "
                   "away")
      ->needs(etcd);
  command->add_flag("--plain", given->everywhere,
                    "listen where other hosts reach it, although nothing is encrypted");
  command->add_flag("--verbose", given->verbose, "tell who comes and goes");
  disk::on_command(*command, status, [given](EventLoop& loop) { return serve(loop, *given); });
}

}  // namespace orrery::cli
