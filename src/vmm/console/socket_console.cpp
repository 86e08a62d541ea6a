#include "vmm/console/socket_console.hpp"

#include <unistd.h>

#include "base/log.hpp"
#include "base/sockets/listening_socket.hpp"

namespace orrery::vmm {
namespace {

constexpr std::string_view kTcpPrefix = "tcp:";

// Who comes while another is there waits.
constexpr int kBacklog = 4;

}  // namespace

Result<std::unique_ptr<SocketConsole>> SocketConsole::create(EventLoop& loop,
                                                             const std::string& address) {
  std::unique_ptr<SocketConsole> console(new SocketConsole(loop));
  const bool tcp = address.starts_with(kTcpPrefix);
  auto listener = tcp ? listen_tcp(std::string_view(address).substr(kTcpPrefix.size()), kBacklog)
                      : listen_unix(address, kBacklog);
  if (!listener) return fail(listener.error().context("socket=" + address));
  console->listener_ = std::move(*listener);
  if (!tcp) console->path_to_remove_ = address;
  ORRERY_TRY(console->listener_watch_, loop.watch(console->listener_.get(), Readiness::kReadable,
                                                  [raw = console.get()] { raw->accept_client(); }));
  return console;
}

SocketConsole::~SocketConsole() {
  detach();
  if (!path_to_remove_.empty()) ::unlink(path_to_remove_.c_str());
}

void SocketConsole::accept_client() {
  FileDescriptor client = orrery::accept_client(listener_.get());
  if (!client) return;
  client_ = std::move(client);
  listener_watch_->pause();
  const Result<> attached = attach(client_.get(), client_.get());
  if (!attached) log::error("console on a socket: {}", attached.error().message());
}

void SocketConsole::hang_up() {
  detach();
  client_.reset();
  listener_watch_->resume();
  if (hung_up_) hung_up_();
}

}  // namespace orrery::vmm
