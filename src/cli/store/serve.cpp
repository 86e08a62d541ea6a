// `orrery store serve`.
#include <utility>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/sockets/listening_socket.hpp"
#include "cli/store/store.hpp"
#include "store/serve/server.hpp"
#include "vmm/host/signals.hpp"

namespace orrery::cli::store_commands {
namespace {

using store::serve::Server;

struct Given {
  std::string folder;
  std::string listen = "127.0.0.1:8470";
  bool verbose = false;
};

// Until a signal; the second one does not wait for clients.
Result<> serve_until_signal(EventLoop& loop, Server& server) {
  bool ended = false;
  bool stopping = false;
  vmm::SignalActions actions;
  actions.end = [&](int /*number*/) {
    if (std::exchange(stopping, true)) return server.drop_clients();
    server.stop([&] {
      ended = true;
      loop.stop();
    });
  };
  actions.continued = [] {};
  ORRERY_TRY(const auto signals, vmm::Signals::create(loop, std::move(actions)));
  while (!ended) loop.run();
  return {};
}

Result<int> serve(EventLoop& loop, const Given& given) {
  if (given.verbose) log::set_level(log::Level::kDebug);
  vmm::block_served_signals();
  ORRERY_TRY(auto opened, open_store(given.folder));
  auto listener = listen_tcp(given.listen, Server::kBacklog);
  if (!listener) {
    return fail(format("--listen {}: {}", given.listen, listener.error().message()));
  }
  ORRERY_TRY(const TcpAddress address, tcp_address(listener->get()));
  if (!address.only_this_host) {
    log::warning(
        "{}: whoever reaches it can read every image; there is no encryption and no "
        "password",
        given.listen);
  }
  ORRERY_TRY(const auto server, Server::create(loop, std::move(opened), std::move(*listener), {}));
  fmt::print("store://{}/\n", address.text);
  std::fflush(stdout);
  ORRERY_CHECK(serve_until_signal(loop, *server));
  return 0;
}

}  // namespace

void add_serve(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("serve", "give images to other hosts over HTTP, until Ctrl-C");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("--listen", given->listen, "ADDRESS:PORT; 127.0.0.1:8470 if left away");
  command->add_flag("--verbose", given->verbose, "tell of every request");
  on_command(*command, status, [given](EventLoop& loop) { return serve(loop, *given); });
}

}  // namespace orrery::cli::store_commands
