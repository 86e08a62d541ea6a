#include "http/web_socket/handshake.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/uuid/detail/sha1.hpp>

#include "base/encoding/base64.hpp"
#include "base/format.hpp"

namespace orrery::http {

std::string accept_key(std::string_view key) {
  // (RFC 6455, 1.3; SHA-1 is no protection here, only a sign that the server knows the protocol.)
  constexpr std::string_view kMagic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  boost::uuids::detail::sha1 hash;
  hash.process_bytes(key.data(), key.size());
  hash.process_bytes(kMagic.data(), kMagic.size());
  unsigned int words[5];
  hash.get_digest(words);
  std::array<std::byte, 20> digest;
  for (std::size_t i = 0; i < 5; ++i) store_be(digest.data() + 4 * i, std::uint32_t{words[i]});
  return to_base64(digest);
}

std::vector<std::string_view> offered_protocols(const Request& request) {
  constexpr std::string_view kBetween = ", \t";
  std::vector<std::string_view> protocols;
  std::string_view rest = request.header("Sec-WebSocket-Protocol");
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kBetween), rest.size()));
    if (rest.empty()) return protocols;
    const std::string_view protocol = rest.substr(0, rest.find_first_of(kBetween));
    protocols.push_back(protocol);
    rest.remove_prefix(protocol.size());
  }
}

Reply upgrade_reply(const Request& request, std::function<Task<Result<>>(WebSocket& socket)> speak,
                    std::string_view protocol) {
  const std::string_view key = request.header("Sec-WebSocket-Key");
  if (!request.upgrade || request.method != Method::kGet || key.empty() ||
      request.header("Sec-WebSocket-Version") != "13") {
    Reply reply = error_reply(426, "WebSocket, version 13, is spoken here");
    reply.more = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    return reply;
  }
  Reply reply;
  reply.status = 101;
  reply.more = format("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
                      accept_key(key));
  const auto offered = offered_protocols(request);
  if (std::ranges::find(offered, protocol) != offered.end()) {
    reply.more += format("Sec-WebSocket-Protocol: {}\r\n", protocol);
  }
  reply.speak = std::move(speak);
  return reply;
}

}  // namespace orrery::http
