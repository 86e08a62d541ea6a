// TCP sockets that connect to a server.
#pragma once

#include <string>
#include <vector>

#include <sys/socket.h>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery {

// Where a server is. Found once, for a sandboxed process can look up no names.
struct TcpServer {
  std::string name;  // "host:port", for messages
  sockaddr_storage address{};
  socklen_t length = 0;
};
// Waits for name servers.
Result<TcpServer> find_tcp_server(const std::string& host, const std::string& port);
// HOST:PORT; an IPv6 address in brackets.
Result<TcpServer> find_tcp_server(const std::string& host_and_port);
// HOST:PORT[,HOST:PORT...]: servers of which any will do. Those whose names are known nowhere are
// left away; an error: there is none left.
Result<std::vector<TcpServer>> find_tcp_servers(const std::string& hosts_and_ports);

// A non-blocking socket, closed on exec, that sends at once what is written to it. It is connected
// once it is writable, if connection_error() says so.
Result<FileDescriptor> begin_connecting(const TcpServer& server);
Result<> connection_error(int socket);

}  // namespace orrery
