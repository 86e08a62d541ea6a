// Sockets that wait for clients, and the client's side of Unix sockets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery {

// Non-blocking, closed on exec. How many clients may wait to be accepted is BACKLOG.

// Who may connect to a Unix socket: whom the process's umask lets, or its owner only (mode 0600).
enum class SocketFile : std::uint8_t { kByUmask, kOwnersOnly };

// A socket file that nobody listens on any more, left by a process that was killed, is replaced;
// any other file is left alone, an error. The caller removes PATH at the end.
Result<FileDescriptor> listen_unix(const std::string& path, int backlog,
                                   SocketFile file = SocketFile::kByUmask);

// A connection to who listens on PATH; blocking, closed on exec.
Result<FileDescriptor> connect_unix(const std::string& path);

// HOST:PORT; an IPv6 address in brackets; without HOST on all addresses; port 0 takes any that is
// free.
Result<FileDescriptor> listen_tcp(std::string_view host_and_port, int backlog);

// The next client of a listening socket, non-blocking; none (errno says why) where there is none. A
// TCP socket sends at once what is written to it.
FileDescriptor accept_client(int listener);

// Where a listening TCP socket can be reached on this host, with the port that the host chose:
// "127.0.0.1:8470", "[::1]:8470".
struct TcpAddress {
  std::string text;
  bool only_this_host = false;  // a loopback address
};
Result<TcpAddress> tcp_address(int listener);

}  // namespace orrery
