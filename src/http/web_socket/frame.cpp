#include "http/web_socket/frame.hpp"

#include "base/format.hpp"

namespace orrery::http {
namespace {

constexpr unsigned kFin = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kMask = 0x80;
constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;

struct Head {
  unsigned flags = 0;  // the first byte
  bool masked = false;
  std::uint64_t length = 0;
};

// `nullopt`: not all of it is there.
std::optional<Head> read_head(ByteReader& reader) {
  const auto first = reader.read<std::uint8_t>();
  const auto second = reader.read<std::uint8_t>();
  if (!first || !second) return std::nullopt;
  Head head{.flags = *first, .masked = (*second & kMask) != 0, .length = *second & ~kMask};
  if (head.length == kLength16) {
    const auto length = reader.read<std::uint16_t>();
    if (!length) return std::nullopt;
    head.length = std::byteswap(*length);
  } else if (head.length == kLength64) {
    const auto length = reader.read<std::uint64_t>();
    if (!length) return std::nullopt;
    head.length = std::byteswap(*length);
  }
  return head;
}

bool is_known(unsigned opcode) {
  return opcode <= static_cast<unsigned>(Opcode::kBinary) ||
         (opcode >= static_cast<unsigned>(Opcode::kClose) &&
          opcode <= static_cast<unsigned>(Opcode::kPong));
}

Result<> check(const Head& head, Masking masking, std::uint64_t most) {
  const unsigned opcode = head.flags & 0xf;
  if ((head.flags & kReserved) != 0 || !is_known(opcode)) {
    return fail("a frame of an unknown kind");
  }
  if (head.masked != (masking == Masking::kRequired)) {
    return fail(head.masked ? "a masked frame" : "a frame without a mask");
  }
  constexpr std::uint64_t kMostOfControl = 125;  // 5.5
  const bool control = is_control(static_cast<Opcode>(opcode));
  if (control && ((head.flags & kFin) == 0 || head.length > kMostOfControl)) {
    return fail("a control frame that is too long, or in pieces");
  }
  if (head.length > most) {
    return fail(format("a frame of {} bytes, where {} may come", head.length, most));
  }
  return {};
}

void apply(const MaskingKey& key, MutableByteSpan payload) {
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] ^= key[i % key.size()];
}

}  // namespace

std::vector<std::byte> encode(const Frame& frame, const std::optional<MaskingKey>& mask) {
  ByteWriter writer;
  const unsigned fin = frame.last ? kFin : 0;
  const unsigned masked = mask ? kMask : 0;
  writer.write(static_cast<std::uint8_t>(fin | static_cast<unsigned>(frame.opcode)));
  const std::size_t size = frame.payload.size();
  if (size < kLength16) {
    writer.write(static_cast<std::uint8_t>(masked | size));
  } else if (size <= UINT16_MAX) {
    writer.write(static_cast<std::uint8_t>(masked | kLength16));
    writer.write(std::byteswap(static_cast<std::uint16_t>(size)));
  } else {
    writer.write(static_cast<std::uint8_t>(masked | kLength64));
    writer.write(std::byteswap(static_cast<std::uint64_t>(size)));
  }
  if (mask) writer.write_bytes(*mask);
  writer.write_bytes(as_bytes(frame.payload.data(), size));
  std::vector<std::byte> bytes = writer.take();
  if (mask) apply(*mask, MutableByteSpan(bytes).last(size));
  return bytes;
}

Result<std::optional<Frame>> FrameReader::take() {
  ByteReader reader(buffer_);
  const std::optional<Head> head = read_head(reader);
  if (!head) return std::nullopt;
  ORRERY_CHECK(check(*head, masking_, most_));
  std::optional<MaskingKey> key;
  if (head->masked) {
    key = reader.read<MaskingKey>();
    if (!key) return std::nullopt;
  }
  const auto bytes = reader.read_bytes(head->length);
  if (!bytes) return std::nullopt;
  Frame frame{.opcode = static_cast<Opcode>(head->flags & 0xf),
              .last = (head->flags & kFin) != 0,
              .payload = {reinterpret_cast<const char*>(bytes->data()), bytes->size()}};
  if (key) {
    apply(*key, {reinterpret_cast<std::byte*>(frame.payload.data()), frame.payload.size()});
  }
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(reader.position()));
  return frame;
}

}  // namespace orrery::http
