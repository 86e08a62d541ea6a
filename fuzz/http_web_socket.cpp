// Fuzzes a WebSocket: frames of a client, in portions of the input's first byte. Whatever comes,
// the receiver ends, and what it sends are whole frames of a server.
#include <string_view>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/sockets/scripted_stream.hpp"
#include "http/web_socket/web_socket.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  if (size == 0) return 0;
  log::set_level(log::Level::kError);
  constexpr std::uint64_t kMost = 1000;
  testing::ScriptedStream stream;
  stream.most_at_once = data[0] == 0 ? SIZE_MAX : data[0];
  stream.give(as_bytes(data + 1, size - 1));
  stream.leave();
  http::WebSocket socket(stream, http::WebSocket::Role::kServer, {}, kMost);
  for (bool open = true; open;) {
    auto task = socket.receive();
    task.start([] {});
    ORRERY_ASSERT(task.done());
    open = task.value().has_value();
    ORRERY_ASSERT(!open || task.value()->data.size() <= kMost);
  }
  http::FrameReader reader(http::Masking::kForbidden, kMost);
  reader.put(stream.received);
  while (true) {
    const auto frame = reader.take();
    ORRERY_ASSERT(frame.has_value());
    if (!*frame) break;
  }
  return 0;
}
