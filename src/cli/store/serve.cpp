// `orrery store serve`.
#include <utility>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/sockets/listening_socket.hpp"
#include "cli/store/store.hpp"
#include "remote/tls/stream.hpp"
#include "storage/nbd/server.hpp"
#include "storage/nbd/store_catalogue.hpp"
#include "storage/scratch_disk.hpp"
#include "store/serve/server.hpp"
#include "vmm/host/signals.hpp"

namespace orrery::cli::store_commands {
namespace {

using store::serve::Server;
namespace nbd = storage::nbd;

struct Given {
  std::string folder;
  std::string listen = "127.0.0.1:8470";
  std::string nbd;  // empty: nowhere
  std::string scratch = "/var/tmp";
  std::string upload_tokens;  // empty: images are only given
  std::string certificate;    // empty: in the clear
  bool verbose = false;
};

// By NBD, to those who do not speak HTTP.
struct NbdSide {
  std::string address;
  nbd::StoreCatalogue catalogue;
  std::unique_ptr<nbd::Server> server;
};

// Until a signal; the second one does not wait for clients. NBD_SIDE: or nullptr.
Result<> serve_until_signal(EventLoop& loop, Server& server, nbd::Server* nbd_side) {
  unsigned serving = nbd_side == nullptr ? 1 : 2;
  bool stopping = false;
  const auto ended = [&] {
    if (--serving == 0) loop.stop();
  };
  vmm::SignalActions actions;
  actions.end = [&](int /*number*/) {
    if (std::exchange(stopping, true)) {
      server.drop_clients();
      if (nbd_side != nullptr) nbd_side->drop_clients();
      return;
    }
    server.stop(ended);
    if (nbd_side == nullptr) return;
    nbd_side->on_empty([&, done = false](bool /*served*/) mutable {
      if (!std::exchange(done, true)) ended();
    });
    nbd_side->stop();
  };
  actions.continued = [] {};
  ORRERY_TRY(const auto signals, vmm::Signals::create(loop, std::move(actions)));
  while (serving != 0) loop.run();
  if (nbd_side != nullptr) nbd_side->on_empty(nullptr);
  return {};
}

struct Listening {
  FileDescriptor socket;
  TcpAddress address;
};

enum class Secrecy : std::uint8_t { kNone, kTls };

// OPTION: its name, for errors.
Result<Listening> listen(const char* option, const std::string& at, int backlog, Secrecy secrecy) {
  auto socket = listen_tcp(at, backlog);
  if (!socket) return fail(format("{} {}: {}", option, at, socket.error().message()));
  ORRERY_TRY(TcpAddress address, tcp_address(socket->get()));
  if (!address.only_this_host && secrecy == Secrecy::kNone) {
    log::warning(
        "{}: whoever reaches it can read every image; there is no encryption and no "
        "password",
        at);
  }
  return Listening{std::move(*socket), std::move(address)};
}

// nullptr: none is wanted.
Result<std::unique_ptr<NbdSide>> create_nbd_side(EventLoop& loop, const Given& given) {
  if (given.nbd.empty()) return nullptr;
  if (const auto room = storage::check_scratch_folder(given.scratch); !room) {
    return fail(format("--scratch {}; name another folder", room.error().message()));
  }
  ORRERY_TRY(auto opened, open_store(given.folder));
  ORRERY_TRY(Listening listening,
             listen("--nbd", given.nbd, nbd::Server::kBacklog, Secrecy::kNone));
  std::unique_ptr<NbdSide> side(
      new NbdSide{listening.address.text,
                  nbd::StoreCatalogue(loop, std::move(opened), given.scratch), nullptr});
  ORRERY_TRY(side->server, nbd::Server::create(loop, side->catalogue, std::move(listening.socket)));
  return side;
}

// Who may add images; null: nobody.
Result<std::unique_ptr<store::serve::Uploads>> create_uploads(const Given& given) {
  if (given.upload_tokens.empty()) return nullptr;
  const auto text = read_text(given.upload_tokens);
  if (!text) return fail(text.error().context("--upload-tokens"));
  auto tokens = store::serve::Tokens::parse(*text);
  if (!tokens) return fail(tokens.error().context("--upload-tokens " + given.upload_tokens));
  return std::make_unique<store::serve::Uploads>(
      std::move(*tokens), store::serve::Uploads::Outside{
                              .open = [folder = given.folder] { return open_store(folder); }});
}

// Clients have to show certificates of the same authority.
Result<std::function<std::unique_ptr<Stream>(Stream&)>> tls_with(const std::string& certificate) {
  namespace tls = orrery::remote::tls;
  auto credentials = tls::Credentials::load(certificate);
  if (!credentials) return fail(credentials.error().context("--certificate"));
  return [credentials = *credentials](Stream& socket) {
    return std::make_unique<tls::TlsStream>(socket, tls::Endpoint::accepting(credentials));
  };
}

Result<int> serve(EventLoop& loop, const Given& given) {
  if (given.verbose) log::set_level(log::Level::kDebug);
  vmm::block_served_signals();
  ORRERY_TRY(auto opened, open_store(given.folder));
  const auto secrecy = given.certificate.empty() ? Secrecy::kNone : Secrecy::kTls;
  Server::Options options;
  if (secrecy == Secrecy::kTls) {
    ORRERY_TRY(options.wrap, tls_with(given.certificate));
  }
  ORRERY_TRY(options.uploads, create_uploads(given));
  ORRERY_TRY(Listening listening, listen("--listen", given.listen, Server::kBacklog, secrecy));
  ORRERY_TRY(const auto server, Server::create(loop, std::move(opened), std::move(listening.socket),
                                               std::move(options)));
  ORRERY_TRY(const auto nbd_side, create_nbd_side(loop, given));
  fmt::print("store://{}/\n", listening.address.text);
  if (nbd_side) fmt::print("nbd://{}/\n", nbd_side->address);
  std::fflush(stdout);
  ORRERY_CHECK(serve_until_signal(loop, *server, nbd_side ? nbd_side->server.get() : nullptr));
  return 0;
}

}  // namespace

void add_serve(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("serve", "give images to other hosts over HTTP, until Ctrl-C");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("--listen", given->listen, "ADDRESS:PORT; 127.0.0.1:8470 if left away");
  auto* const nbd = command->add_option(
      "--nbd", given->nbd,
      "ADDRESS:PORT where they are given by NBD, too: NAME to be read, copy/NAME to "
      "be written to, by each client for itself");
  command
      ->add_option("--scratch", given->scratch,
                   "the folder where those copies take room; /var/tmp if left away")
      ->needs(nbd);
  command->add_option("--certificate", given->certificate,
                      "who this server is: made by `orrery certificate create` with --address; "
                      "it then speaks HTTPS, with clients that have one of the same authority");
  command->add_option("--upload-tokens", given->upload_tokens,
                      "a file with a line \"NAME TOKEN\" for each who may add images "
                      "(`orrery store push`); if left away, nobody may");
  command->add_flag("--verbose", given->verbose, "tell of every request");
  on_command(*command, status, [given](EventLoop& loop) { return serve(loop, *given); });
}

}  // namespace orrery::cli::store_commands
