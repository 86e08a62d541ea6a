// One connection to a store's server, kept open from one request to the next. It blocks, so it
// belongs to a thread that may wait; an Interrupt ends its waiting from another one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "http/answer.hpp"

namespace orrery::store::remote {

// Once raised, all that waits with it fails. Any thread.
class Interrupt {
 public:
  static Result<std::unique_ptr<Interrupt>> create();
  void raise() const;
  int descriptor() const { return event_.get(); }

 private:
  explicit Interrupt(FileDescriptor event) : event_(std::move(event)) {}
  const FileDescriptor event_;
};

struct Times {
  // Three attempts of TCP to be heard: after 1 and 3 seconds.
  std::chrono::milliseconds connect{5'000};
  // Without a byte: longer than a disk of the server takes to wake up.
  std::chrono::milliseconds silence{10'000};
};

struct Ask {
  std::string path;
  std::optional<http::ByteRange> range;
  std::string if_none_match;
  std::uint64_t most = 0;  // bytes of the answer's body
};

class Connection {
 public:
  // Both outlive it.
  Connection(const TcpServer& server, const Interrupt& interrupt, const Times& times)
      : server_(server), interrupt_(interrupt), times_(times), buffer_(kBuffer) {}

  // Connects where that is needed. An error: nobody answers, or what comes is not a whole answer;
  // the next one begins with a new connection.
  Result<http::Answer> get(const Ask& ask);

  // Since the beginning, with all headers.
  std::uint64_t received() const { return received_; }

 private:
  static constexpr std::size_t kBuffer = 64 << 10;

  Result<http::Answer> exchange(const Ask& ask);
  Result<> connect();
  Result<> send(const std::string& text);
  Result<> wait(short events, std::chrono::milliseconds time, std::string_view what);

  const TcpServer& server_;
  const Interrupt& interrupt_;
  const Times times_;
  FileDescriptor socket_;
  std::vector<std::byte> buffer_;
  std::uint64_t received_ = 0;
};

}  // namespace orrery::store::remote
