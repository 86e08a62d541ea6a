// `orrery disk export-nbd`.
#include <utility>

#include <unistd.h>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/sockets/listening_socket.hpp"
#include "cli/disk/disk.hpp"
#include "cli/disk/keys.hpp"
#include "cli/disk/nbd_address.hpp"
#include "storage/disk_image.hpp"
#include "storage/nbd/disk_catalogue.hpp"
#include "storage/nbd/server.hpp"
#include "vmm/host/signals.hpp"

namespace orrery::cli::disk {
namespace {

using storage::nbd::DiskCatalogue;
using storage::nbd::Server;

struct Given {
  storage::DiskOptions options;
  std::string format;
  std::string listen = "127.0.0.1:10809";  // the port that IANA has for it
  std::string socket;
  std::string name;
  bool once = false;
  KeyGiven key;
};

// Removes the file of a Unix socket at the end.
class SocketFile {
 public:
  explicit SocketFile(std::string path) : path_(std::move(path)) {}
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  ~SocketFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

 private:
  const std::string path_;
};

Result<FileDescriptor> listen(const Given& given) {
  auto listener = given.socket.empty() ? listen_tcp(given.listen, Server::kBacklog)
                                       : listen_unix(given.socket, Server::kBacklog);
  if (listener) return listener;
  const bool tcp = given.socket.empty();
  return fail(format("{} {}: {}", tcp ? "--listen" : "--socket", tcp ? given.listen : given.socket,
                     listener.error().message()));
}

// Until a signal, or with --once until those who came have gone. The second signal drops clients.
Result<> serve(EventLoop& loop, Server& server, bool once) {
  bool ended = false;
  bool stopping = false;
  vmm::SignalActions actions;
  actions.end = [&](int /*number*/) {
    if (std::exchange(stopping, true)) return server.drop_clients();
    server.stop();
  };
  actions.continued = [] {};
  ORRERY_TRY(const auto signals, vmm::Signals::create(loop, std::move(actions)));
  server.on_empty([&](bool served) {
    if (once && served) {
      stopping = true;
      server.stop();
    }
    if (!stopping) return;
    ended = true;
    loop.stop();
  });
  while (!ended) loop.run();
  server.on_empty(nullptr);  // what is still posted may say so once more
  return {};
}

Result<int> export_nbd(EventLoop& loop, Given given) {
  ORRERY_TRY(given.options.format, format_of(given.format));
  given.options.read_only |= !given.options.snapshot.empty();
  given.options.encryption = given.key.source();
  vmm::block_served_signals();
  ORRERY_TRY(const auto disk, storage::open_disk(loop, given.options));
  ORRERY_TRY(const auto catalogue,
             DiskCatalogue::create(*disk, given.name, "disk image served by Orrery"));
  ORRERY_TRY(FileDescriptor listener, listen(given));
  const SocketFile file(given.socket);
  ORRERY_TRY(const NbdAddress address, nbd_address(listener.get(), given.name));
  if (!address.only_this_host) {
    log::warning("{}: whoever reaches it can use the disk; there is no encryption and no password",
                 given.listen);
  }
  ORRERY_TRY(const auto server, Server::create(loop, *catalogue, std::move(listener)));
  fmt::print("{}\n", address.uri);
  std::fflush(stdout);
  ORRERY_CHECK(serve(loop, *server, given.once));
  if (!given.options.read_only) ORRERY_CHECK(storage::flush_disk(loop, *disk));
  return 0;
}

}  // namespace

void add_export_nbd(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "export-nbd", "serve a disk to other programs by the NBD protocol, until Ctrl-C");
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->options.path, "the disk")->required();
  command->add_option("--format", given->format, "if left away, what it looks like");
  auto* const listen =
      command->add_option("--listen", given->listen, "ADDRESS:PORT; 127.0.0.1:10809 if left away");
  command->add_option("--socket", given->socket, "a Unix socket instead")->excludes(listen);
  command->add_option("--name", given->name, "what clients may call it; they find it without, too");
  command->add_option("--snapshot", given->options.snapshot, "of the disk, read-only");
  command->add_flag("--read-only", given->options.read_only, "clients may not write");
  command->add_flag("--verify", given->options.verify_reads,
                    "compare what is read of sealed parents with FILE.segments");
  command->add_flag("--once", given->once, "end when the last client has gone");
  given->key.add_to(*command, "", "its key: clients get what is encrypted");
  on_command(*command, status, [given](EventLoop& loop) { return export_nbd(loop, *given); });
}

}  // namespace orrery::cli::disk
