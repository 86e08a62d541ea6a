// Frames of WebSocket (RFC 6455, section 5), without a socket:
//
//     0               1               2               3
//    +-+-+-+-+-------+-+-------------+-------------------------------+
//    |F|R|R|R|opcode |M| length (7)  | length (16 bits if 126, 64 if |
//    |I|S|S|S|  (4)  |A|             | 127 stands there), big-endian |
//    |N|V|V|V|       |S|             |                               |
//    +-+-+-+-+-------+-+-------------+-------------------------------+
//    | masking key (4 bytes, where MASK is 1) | payload              |
//    +---------------------------------------------------------------+
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::http {

// RFC 6455, 5.2; the bit 3 marks control frames (5.5).
enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};
constexpr bool is_control(Opcode opcode) {
  return (static_cast<unsigned>(opcode) & 8U) != 0;
}

struct Frame {
  Opcode opcode = Opcode::kText;
  bool last = true;  // of its message
  std::string payload = {};
};

// What a client masks its frames with (5.3), so that no proxy takes them for something else. No
// secret.
using MaskingKey = std::array<std::byte, 4>;

std::vector<std::byte> encode(const Frame& frame, const std::optional<MaskingKey>& mask);

enum class Masking : std::uint8_t { kRequired, kForbidden };  // of a client's, of a server's frames

// Bytes in, frames out. One thread.
class FrameReader {
 public:
  // MOST: bytes of a payload.
  FrameReader(Masking masking, std::uint64_t most) : masking_(masking), most_(most) {}

  void put(ByteSpan bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }
  // The next one, once it is whole. An error: what comes is no frame that may come.
  Result<std::optional<Frame>> take();

 private:
  const Masking masking_;
  const std::uint64_t most_;
  std::vector<std::byte> buffer_;
};

}  // namespace orrery::http
