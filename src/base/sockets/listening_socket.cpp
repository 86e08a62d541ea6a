#include "base/sockets/listening_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/format.hpp"

namespace orrery {
namespace {

constexpr int kStream = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

Result<FileDescriptor> listen_on(FileDescriptor socket, const sockaddr* address, socklen_t size,
                                 int backlog) {
  if (!socket) return fail_errno("cannot make a socket");
  if (::bind(socket.get(), address, size) != 0) return fail_errno("cannot bind");
  if (::listen(socket.get(), backlog) != 0) return fail_errno("cannot listen");
  return socket;
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(
        format("the path of a Unix socket has 1 to {} characters", sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// False: errno says why.
bool connect_to(const sockaddr_un& address, const FileDescriptor& socket) {
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket.get(), to, sizeof address) == 0;
}

// (Whoever connects to a file that is no socket is refused, too.)
bool is_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return !connect_to(address, probe) && errno == ECONNREFUSED;
}

bool is_loopback(const in6_addr& address) {
  return std::memcmp(&address, &in6addr_loopback, sizeof address) == 0;
}

bool is_loopback(const in_addr& address) {
  return (ntohl(address.s_addr) >> 24) == IN_LOOPBACKNET;
}

template <typename Address>
TcpAddress describe(int family, const Address& address, in_port_t port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, &address, text.data(), text.size());
  const std::string host = family == AF_INET6 ? format("[{}]", text.data()) : text.data();
  return {format("{}:{}", host, ntohs(port)), is_loopback(address)};
}

}  // namespace

Result<FileDescriptor> connect_unix(const std::string& path) {
  ORRERY_TRY(const sockaddr_un address, unix_address(path));
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("cannot make a socket");
  if (!connect_to(address, socket)) return fail_errno("cannot connect");
  return socket;
}

Result<FileDescriptor> listen_unix(const std::string& path, int backlog, SocketFile file) {
  ORRERY_TRY(const sockaddr_un address, unix_address(path));
  if (is_stale(path, address)) ::unlink(path.c_str());
  FileDescriptor socket(::socket(AF_UNIX, kStream, 0));
  // Before there is a file, which takes its mode from here: so at no time can others connect.
  if (file == SocketFile::kOwnersOnly && socket) ::fchmod(socket.get(), S_IRUSR | S_IWUSR);
  return listen_on(std::move(socket), reinterpret_cast<const sockaddr*>(&address), sizeof address,
                   backlog);
}

Result<FileDescriptor> listen_tcp(std::string_view host_and_port, int backlog) {
  const std::size_t colon = host_and_port.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(format("{}: there is no port; write ADDRESS:PORT", host_and_port));
  }
  std::string host(host_and_port.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string port(host_and_port.substr(colon + 1));
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &wanted, &found);
  if (code != 0) return fail(format("{}: {}", host_and_port, ::gai_strerror(code)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  FileDescriptor socket(::socket(found->ai_family, kStream, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return listen_on(std::move(socket), found->ai_addr, found->ai_addrlen, backlog);
}

FileDescriptor accept_client(int listener) {
  FileDescriptor client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  const int on = 1;
  // (An error: the client is not a TCP socket.)
  if (client) ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return client;
}

Result<TcpAddress> tcp_address(int listener) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail_errno("cannot tell where it listens");
  }
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    return describe(AF_INET, address.sin_addr, address.sin_port);
  }
  const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
  return describe(AF_INET6, address.sin6_addr, address.sin6_port);
}

}  // namespace orrery
