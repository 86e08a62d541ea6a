#include "base/sockets/connecting_socket.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <ranges>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/format.hpp"

namespace orrery {

Result<TcpServer> find_tcp_server(const std::string& host, const std::string& port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found);
  if (code != 0) return fail(format("{}: {}", host, ::gai_strerror(code)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  TcpServer server;
  const bool brackets = host.find(':') != std::string::npos;
  server.name = brackets ? format("[{}]:{}", host, port) : format("{}:{}", host, port);
  std::memcpy(&server.address, found->ai_addr, found->ai_addrlen);
  server.length = found->ai_addrlen;
  return server;
}

Result<TcpServer> find_tcp_server(const std::string& host_and_port) {
  const std::size_t colon = host_and_port.rfind(':');
  if (colon == std::string::npos) {
    return fail(format("{}: there is no port; write HOST:PORT", host_and_port));
  }
  std::string host = host_and_port.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return find_tcp_server(host, host_and_port.substr(colon + 1));
}

Result<std::vector<TcpServer>> find_tcp_servers(const std::string& hosts_and_ports) {
  std::vector<TcpServer> servers;
  Result<> done;
  for (const auto part : std::views::split(hosts_and_ports, ',')) {
    auto server = find_tcp_server(std::string(part.begin(), part.end()));
    if (server) {
      servers.push_back(std::move(*server));
    } else {
      done = fail(server.error());
    }
  }
  if (!servers.empty()) return servers;
  if (!done) return fail(done.error());
  return fail("there is no server; write HOST:PORT");
}

Result<FileDescriptor> begin_connecting(const TcpServer& server) {
  const auto* const address = reinterpret_cast<const sockaddr*>(&server.address);
  FileDescriptor socket(
      ::socket(server.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail_errno("cannot make a socket");
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int result = ::connect(socket.get(), address, server.length);
  if (result != 0 && errno != EINPROGRESS) return fail_errno("cannot be reached");
  return socket;
}

Result<> connection_error(int socket) {
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size);
  return code == 0 ? Result<>{} : fail_errno("cannot be reached", code);
}

}  // namespace orrery
