// The accepting end of TLS as a Stream over another one, for servers that speak in tasks. Each side
// shows its certificate (endpoint.hpp).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/stream.hpp"
#include "remote/tls/endpoint.hpp"

namespace orrery::remote::tls {

class TlsStream final : public Stream {
 public:
  // BELOW outlives it. Without an endpoint nothing is received or sent.
  TlsStream(Stream& below, Result<Endpoint> endpoint);

  // The first one shakes hands.
  Task<std::size_t> receive(MutableByteSpan to) override;
  Task<std::size_t> send(std::span<const iovec> from) override;
  void stop_receiving() override { below_.stop_receiving(); }
  Task<Result<>> linger() override { return below_.linger(); }
  void close() override { below_.close(); }

 private:
  Task<bool> receive_more();
  Task<bool> flush();
  void fail_with(const Error& error);

  Stream& below_;
  Result<Endpoint> endpoint_;
  bool ended_ = false;            // the peer's last byte is in plain_
  std::vector<std::byte> plain_;  // received; before used_ it is given out
  std::size_t used_ = 0;
  std::vector<std::byte> output_;  // to be sent
  TaskMutex flushing_;
};

}  // namespace orrery::remote::tls
