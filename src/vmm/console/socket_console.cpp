#include "vmm/console/socket_console.hpp"

#include <charconv>
#include <cstring>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::vmm {
namespace {

constexpr std::string_view kTcpPrefix = "tcp:";

Result<FileDescriptor> listen_on(FileDescriptor socket, const sockaddr* address, socklen_t size) {
  constexpr int kBacklog = 4;
  if (!socket) return fail_errno("cannot make a socket");
  if (::bind(socket.get(), address, size) != 0) return fail_errno("cannot bind");
  if (::listen(socket.get(), kBacklog) != 0) return fail_errno("cannot listen");
  return socket;
}

// A socket file that nobody listens on any more is left by a VMM that was killed.
bool is_stale(const sockaddr_un& address) {
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

Result<FileDescriptor> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(
        format("the path of a Unix socket has 1 to {} characters", sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (is_stale(address)) ::unlink(path.c_str());
  return listen_on(FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
                   reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Result<FileDescriptor> listen_tcp(std::string_view host_and_port) {
  const std::size_t colon = host_and_port.rfind(':');
  if (colon == std::string_view::npos) return fail("write tcp:HOST:PORT");
  const std::string host(host_and_port.substr(0, colon));
  const std::string port(host_and_port.substr(colon + 1));
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &wanted, &found);
  if (code != 0) return fail(format("{}: {}", host_and_port, ::gai_strerror(code)));
  FileDescriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto listening = listen_on(std::move(socket), found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return listening;
}

}  // namespace

Result<std::unique_ptr<SocketConsole>> SocketConsole::create(EventLoop& loop,
                                                             const std::string& address) {
  std::unique_ptr<SocketConsole> console(new SocketConsole(loop));
  const bool tcp = address.starts_with(kTcpPrefix);
  auto listener =
      tcp ? listen_tcp(std::string_view(address).substr(kTcpPrefix.size())) : listen_unix(address);
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
  FileDescriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client) return;
  // Answers are short and waited for. (An error: the client is not a TCP socket.)
  const int on = 1;
  ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
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
