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
  ORRERY_TRY(const auto database, cluster::SqliteDatabase::open(given.folder + "/panel.db"));
  vmm::SystemClock clock;
  vmm::SystemEntropy entropy;
  cluster::Registry registry({*database, clock, entropy});
  ORRERY_CHECK(make_first_user(registry, given.folder));
  std::string address;
  ORRERY_TRY(FileDescriptor listener, listen(given, address));
  const cluster::api::Api api(registry, check_options);
  // The database is asked by one at a time; others wait for its disk meanwhile.
  constexpr unsigned kWorkers = 4;
  WorkerPool workers(kWorkers);
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
  command->add_flag("--plain", given->everywhere,
                    "listen where other hosts reach it, although nothing is encrypted");
  command->add_flag("--verbose", given->verbose, "tell who comes and goes");
  disk::on_command(*command, status, [given](EventLoop& loop) { return serve(loop, *given); });
}

}  // namespace orrery::cli
