// A connection: a socket, TLS over it, and packets over that. Waits for nothing: its owner watches
// the socket. One thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "remote/packet/packet.hpp"
#include "remote/tls/endpoint.hpp"

namespace orrery::remote {

class Channel {
 public:
  // SOCKET: connected or about to be, non-blocking.
  Channel(FileDescriptor socket, tls::Endpoint endpoint)
      : socket_(std::move(socket)), endpoint_(std::move(endpoint)) {}

  int descriptor() const { return socket_.get(); }
  // The handshake is over: packets may be queued.
  bool established() const { return endpoint_.established(); }
  std::string peer() const { return endpoint_.peer(); }

  // Takes what is there, some hundred KiB at most. An error: the connection has ended.
  Result<> receive();
  // The next whole packet of what was received. Its data stays valid until receive() is called. An
  // error: what came is no packet, and nothing more of this connection is of use.
  Result<std::optional<Packet>> next();

  // Whole packets to be sent; flush() sends.
  Result<> queue(ByteSpan packets) { return endpoint_.send(packets); }
  // As much as the socket takes.
  Result<> flush();
  bool has_output() const { return begin_output_ < output_.size(); }

 private:
  FileDescriptor socket_;
  tls::Endpoint endpoint_;
  std::vector<std::byte> input_;  // plain; before begin_input_ it is used up
  std::size_t begin_input_ = 0;
  std::vector<std::byte> output_;  // as it goes over the network; before begin_output_ it is sent
  std::size_t begin_output_ = 0;
};

}  // namespace orrery::remote
