// Messages both ways over a connection that has changed to WebSocket (RFC 6455). On the loop's
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/stream.hpp"
#include "base/types.hpp"
#include "http/web_socket/frame.hpp"

namespace orrery::http {

// Of a message, unless said otherwise: a list of some thousand VMs fits.
inline constexpr std::uint64_t kMostMessage = 4_MiB;

struct Message {
  bool text = true;  // or else binary
  std::string data;
};

class WebSocket {
 public:
  enum class Role : std::uint8_t { kServer, kClient };

  // BEGUN: what has come on STREAM already, behind the handshake. The stream outlives it.
  WebSocket(Stream& stream, Role role, ByteSpan begun, std::uint64_t most = kMostMessage);

  // The next message; nothing: the peer has gone, or does not keep to the protocol. Answers pings.
  // One at a time; sending at the same time is fine.
  Task<std::optional<Message>> receive();
  // False: the peer has gone. Several at a time, in the order of asking.
  Task<bool> send(Message message);
  // Tells the peer that this is the end (5.5.1).
  Task<bool> send_close();
  // Ends what is received and sent here.
  void close() { stream_.close(); }

 private:
  Task<bool> send_frame(Frame frame);
  Task<std::optional<Frame>> next_frame();
  MaskingKey next_key();

  Stream& stream_;
  const Role role_;
  const std::uint64_t most_;
  FrameReader reader_;
  TaskMutex sending_;
  std::uint32_t key_ = 0;
};

}  // namespace orrery::http
