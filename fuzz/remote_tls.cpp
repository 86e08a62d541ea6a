// Fuzzes both ends of TLS: the first byte says which, the rest is what the network brings, in
// portions of the second byte, be it to an endpoint that has just been made or to one whose
// handshake is over. Nothing that was not encrypted by the other end may come out.
#include "base/assert.hpp"
#include "remote/test_certificates.hpp"
#include "remote/tls/endpoint.hpp"

namespace {

using namespace orrery;
using namespace orrery::remote;

void shake_hands(tls::Endpoint& client, tls::Endpoint& server) {
  std::vector<std::byte> plain;
  while (!client.established() || !server.established()) {
    std::vector<std::byte> there;
    client.take_output(there);
    ORRERY_ASSERT(server.receive(there, plain).has_value());
    std::vector<std::byte> back;
    server.take_output(back);
    ORRERY_ASSERT(client.receive(back, plain).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const TestCertificates& certificates = TestCertificates::get();
  tls::Endpoint client = *tls::Endpoint::connecting(certificates.client, "127.0.0.1");
  tls::Endpoint server = *tls::Endpoint::accepting(certificates.server);
  if ((data[0] & 2) != 0) shake_hands(client, server);
  tls::Endpoint& target = (data[0] & 1) != 0 ? server : client;
  const std::size_t portion = data[1] + std::size_t{1};
  std::vector<std::byte> plain;
  ByteSpan rest = as_bytes(data + 2, size - 2);
  while (!rest.empty()) {
    const ByteSpan part = rest.first(std::min(portion, rest.size()));
    rest = rest.subspan(part.size());
    if (!target.receive(part, plain)) break;
  }
  ORRERY_ASSERT(plain.empty());
  return 0;
}
