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
#include "http/answer.hpp"
#include "http/request.hpp"
#include "remote/tls/endpoint.hpp"
#include "store/remote/store_server.hpp"

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
  http::Method method = http::Method::kGet;
  std::string path;
  std::string authorization;    // of those that need it
  std::vector<std::byte> body;  // of those that have one
  std::optional<http::ByteRange> range;
  std::string if_none_match;
  std::uint64_t most = 0;  // bytes of the answer's body
};

class Connection {
 public:
  // Both outlive it.
  Connection(const StoreServer& server, const Interrupt& interrupt, const Times& times)
      : server_(server), interrupt_(interrupt), times_(times), buffer_(kBuffer) {}

  // Connects where that is needed. An error: nobody answers, or what comes is not a whole answer;
  // the next one begins with a new connection.
  Result<http::Answer> ask(const Ask& ask);

  // The last error was that of TLS: one side does not trust the other, and asking again is of no
  // use.
  bool distrusted() const { return distrusted_; }

  // Since the beginning, with all headers.
  std::uint64_t received() const { return received_; }
  std::uint64_t sent() const { return sent_; }

 private:
  static constexpr std::size_t kBuffer = 64 << 10;

  Result<http::Answer> exchange(const Ask& ask);
  Result<> connect();
  Result<> shake_hands();
  Result<> send(ByteSpan bytes);
  Result<> send_raw(ByteSpan bytes);
  Result<ByteSpan> receive();
  Result<> wait(short events, std::chrono::milliseconds time, std::string_view what);

  const StoreServer& server_;
  const Interrupt& interrupt_;
  const Times times_;
  FileDescriptor socket_;
  std::optional<orrery::remote::tls::Endpoint> endpoint_;  // of one by TLS
  std::vector<std::byte> buffer_;
  std::vector<std::byte> plain_;      // decrypted
  std::vector<std::byte> encrypted_;  // to be sent
  bool distrusted_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace orrery::store::remote
