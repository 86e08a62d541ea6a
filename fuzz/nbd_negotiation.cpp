// Fuzzes the handshake of the NBD server with what a client sends from its first byte on, in
// portions of the input's first byte. What comes back has to be the greeting and whole replies, as
// long as the handshake lasts, and nobody may be left behind.
#include "nbd.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static const std::unique_ptr<EventLoop> kLoop = EventLoop::create().value();
  if (size == 0) return 0;
  fuzz::NbdClient client(*kLoop, data[0] == 0 ? SIZE_MAX : data[0]);
  client.give(as_bytes(data + 1, size - 1));
  client.end();
  const ByteSpan received = client.received();
  ORRERY_ASSERT(received.size() >= 18);
  // The replies to options, before what follows NBD_OPT_GO or NBD_OPT_EXPORT_NAME.
  ByteReader reader(received.subspan(18));
  while (const auto magic = storage::nbd::read_be<std::uint64_t>(reader)) {
    if (*magic != storage::nbd::kOptionReplyMagic) break;
    ORRERY_ASSERT(storage::nbd::read_be<std::uint64_t>(reader).has_value());
    ORRERY_ASSERT(storage::nbd::read_string(reader).has_value());
  }
  return 0;
}
