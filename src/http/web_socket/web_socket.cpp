#include "http/web_socket/web_socket.hpp"

#include <array>
#include <random>
#include <utility>

#include "base/log.hpp"

namespace orrery::http {

WebSocket::WebSocket(Stream& stream, Role role, ByteSpan begun, std::uint64_t most)
    : stream_(stream),
      role_(role),
      most_(most),
      reader_(role == Role::kServer ? Masking::kRequired : Masking::kForbidden, most),
      key_(role == Role::kClient ? std::random_device()() : 0) {
  reader_.put(begun);
}

Task<std::optional<Message>> WebSocket::receive() {
  std::optional<Message> message;  // as far as it has come
  while (true) {
    std::optional<Frame> frame = co_await next_frame();
    if (!frame || frame->opcode == Opcode::kClose) {
      if (frame) co_await send_close();
      co_return std::nullopt;
    }
    if (frame->opcode == Opcode::kPing) {
      frame->opcode = Opcode::kPong;
      const bool sent = co_await send_frame(std::move(*frame));
      if (!sent) co_return std::nullopt;
      continue;
    }
    if (is_control(frame->opcode)) continue;
    const bool goes_on = frame->opcode == Opcode::kContinuation;
    if (goes_on != message.has_value()) co_return std::nullopt;
    if (!goes_on) message = Message{.text = frame->opcode == Opcode::kText, .data = {}};
    if (message->data.size() + frame->payload.size() > most_) co_return std::nullopt;
    message->data += frame->payload;
    if (frame->last) co_return message;
  }
}

Task<std::optional<Frame>> WebSocket::next_frame() {
  std::array<std::byte, 16_KiB> bytes;
  while (true) {
    Result<std::optional<Frame>> frame = reader_.take();
    if (!frame) log::info("a WebSocket's peer: {}", frame.error().message());
    if (!frame) co_return std::nullopt;
    if (*frame) co_return std::move(*frame);
    const std::size_t count = co_await stream_.receive(bytes);
    if (count == 0) co_return std::nullopt;
    reader_.put(ByteSpan(bytes).first(count));
  }
}

Task<bool> WebSocket::send(Message message) {
  Frame frame;
  frame.opcode = message.text ? Opcode::kText : Opcode::kBinary;
  frame.payload = std::move(message.data);
  const bool sent = co_await send_frame(std::move(frame));
  co_return sent;
}

Task<bool> WebSocket::send_close() {
  Frame frame;
  frame.opcode = Opcode::kClose;
  const bool sent = co_await send_frame(std::move(frame));
  co_return sent;
}

// A Weyl sequence: it only has to differ from frame to frame.
MaskingKey WebSocket::next_key() {
  key_ += 0x9e3779b9U;
  MaskingKey key;
  store_le(key.data(), key_);
  return key;
}

Task<bool> WebSocket::send_frame(Frame frame) {
  const auto lock = co_await sending_.lock();
  const std::vector<std::byte> bytes =
      encode(frame, role_ == Role::kClient ? std::optional(next_key()) : std::nullopt);
  for (std::size_t done = 0; done < bytes.size();) {
    const iovec rest{const_cast<std::byte*>(bytes.data()) + done, bytes.size() - done};
    const std::size_t count = co_await stream_.send({&rest, 1});
    if (count == 0) co_return false;
    done += count;
  }
  co_return true;
}

}  // namespace orrery::http
