// Fuzzes the requests of an NBD client that has agreed to structured replies and block status, or
// to neither. Every reply has to be whole; a chunk lies within the disk.
//
//   byte 0    portions in which it is sent, in 64 bytes; 0: all at once
//   byte 1    bit 0: structured replies; bit 1: the disk fails after (byte 1 >> 2) requests
//   the rest  requests, without their magic numbers: flags (2 bytes), command, sector, length in
//             sectors, two more bits of the length, then the handle; a write's payload is made up.
//             A command of 0xFF sends what follows as it is.
#include "input.hpp"
#include "nbd.hpp"

namespace orrery::fuzz {
namespace {

namespace nbd = storage::nbd;

nbd::Request take_request(Input& input, std::uint8_t command) {
  nbd::Request request;
  request.command = static_cast<nbd::Command>(command);
  request.flags = input.take<std::uint16_t>();
  request.offset = input.take<std::uint16_t>() * 512ull;
  request.length = input.take<std::uint16_t>() * 512u;
  // Sometimes what is not a multiple of anything, or very long.
  const auto odd = input.take<std::uint8_t>();
  if (odd < 8) request.offset += odd;
  if (odd == 8) request.length = input.take<std::uint32_t>();
  request.handle = command;
  return request;
}

void negotiate(NbdClient& client, bool structured) {
  client.give(testing::client_flags(3));
  if (structured) {
    client.give(testing::option(nbd::Option::kStructuredReply));
    client.give(
        testing::option(nbd::Option::kSetMetaContext, testing::contexts("", {"base:allocation"})));
  }
  client.give(testing::option(nbd::Option::kGo, testing::about("")));
}

// Simple replies have a length that only the requests tell, so they are not looked at.
void check_replies(ByteSpan bytes) {
  ByteReader reader(bytes);
  while (reader.remaining() != 0) {
    const auto reply = testing::parse_reply(reader);
    ORRERY_ASSERT(reply.has_value());
    const std::string& payload = reply->payload;
    if (!reply->structured || reply->chunk != nbd::Chunk::kOffsetData) continue;
    ORRERY_ASSERT(payload.size() > 8);
    ORRERY_ASSERT(load_be<std::uint64_t>(payload.data()) + payload.size() - 8 <= 256_KiB);
  }
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static const std::unique_ptr<EventLoop> kLoop = EventLoop::create().value();
  if (size < 2) return 0;
  fuzz::Input input(data + 2, size - 2);
  const bool structured = (data[1] & 1) != 0;
  fuzz::NbdClient client(*kLoop, data[0] == 0 ? SIZE_MAX : data[0] * 64u);
  fuzz::negotiate(client, structured);
  const std::size_t begin = client.received().size();
  if ((data[1] & 2) != 0) client.disk().fails_after = data[1] >> 2;
  while (!input.empty()) {
    const auto command = input.take<std::uint8_t>();
    if (command == 0xFF) {
      const auto rest = input.take_bytes(input.size());
      client.give(as_bytes(rest.data(), rest.size()));
      break;
    }
    const storage::nbd::Request request = fuzz::take_request(input, command);
    client.give(testing::request(request));
    if (request.payload() <= 1_MiB) {
      client.give(std::vector<std::byte>(request.payload(), std::byte{command}));
    }
  }
  client.end();
  if (structured) fuzz::check_replies(client.received().subspan(begin));
  return 0;
}
