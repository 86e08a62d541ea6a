#include "remote/tls/endpoint.hpp"

#include <arpa/inet.h>

#include "base/assert.hpp"
#include "base/format.hpp"
#include "base/types.hpp"
#include "remote/tls/openssl.hpp"

namespace orrery::remote::tls {
namespace {

constexpr std::size_t kRecord = 16_KiB;  // RFC 8446, 5.1: of plain text

bool is_ip_address(const std::string& host) {
  std::uint8_t ignored[16];
  return ::inet_pton(AF_INET, host.c_str(), ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored) == 1;
}

}  // namespace

void Endpoint::Free::operator()(ssl_st* ssl) const {
  OpenSsl::loaded().SSL_free(ssl);
}

Result<Endpoint> Endpoint::create(const Credentials& credentials) {
  const OpenSsl& openssl = OpenSsl::loaded();
  Endpoint endpoint;
  endpoint.ssl_.reset(openssl.SSL_new(credentials.context()));
  endpoint.from_network_ = openssl.BIO_new(openssl.BIO_s_mem());
  endpoint.to_network_ = openssl.BIO_new(openssl.BIO_s_mem());
  ORRERY_ASSERT(endpoint.ssl_ && endpoint.from_network_ && endpoint.to_network_);  // no memory
  openssl.SSL_set_bio(endpoint.ssl_.get(), endpoint.from_network_, endpoint.to_network_);
  return endpoint;
}

Result<Endpoint> Endpoint::connecting(const Credentials& credentials, const std::string& host) {
  const OpenSsl& openssl = OpenSsl::loaded();
  ORRERY_TRY(Endpoint endpoint, create(credentials));
  X509_VERIFY_PARAM* const wanted = openssl.SSL_get0_param(endpoint.ssl_.get());
  const int set = is_ip_address(host)
                      ? openssl.X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str())
                      : openssl.X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
  if (set != 1) return fail(format("\"{}\" is neither a host's name nor an IP address", host));
  openssl.SSL_set_connect_state(endpoint.ssl_.get());
  ORRERY_CHECK(endpoint.shake_hands());
  return endpoint;
}

Result<Endpoint> Endpoint::accepting(const Credentials& credentials) {
  ORRERY_TRY(Endpoint endpoint, create(credentials));
  OpenSsl::loaded().SSL_set_accept_state(endpoint.ssl_.get());
  return endpoint;
}

Error Endpoint::handshake_error() const {
  const OpenSsl& openssl = OpenSsl::loaded();
  const long verified = openssl.SSL_get_verify_result(ssl_.get());
  const std::string reason = openssl_error();
  if (verified == X509_V_OK) return Error("TLS: " + reason);
  return Error(format("the peer's certificate is not accepted: {}",
                      openssl.X509_verify_cert_error_string(verified)));
}

Result<> Endpoint::shake_hands() {
  const OpenSsl& openssl = OpenSsl::loaded();
  openssl.ERR_clear_error();
  const int done = openssl.SSL_do_handshake(ssl_.get());
  if (done == 1) {
    established_ = true;
    return {};
  }
  if (openssl.SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ) return {};
  return fail(handshake_error());
}

Result<> Endpoint::receive(ByteSpan from_network, std::vector<std::byte>& plain) {
  if (!from_network.empty()) {
    const int taken = OpenSsl::loaded().BIO_write(from_network_, from_network.data(),
                                                  static_cast<int>(from_network.size()));
    ORRERY_ASSERT(taken == static_cast<int>(from_network.size()));  // it takes all but for memory
  }
  if (!established_) ORRERY_CHECK(shake_hands());
  return established_ ? read_all(plain) : Result<>{};
}

Result<> Endpoint::read_all(std::vector<std::byte>& plain) {
  const OpenSsl& openssl = OpenSsl::loaded();
  openssl.ERR_clear_error();
  while (true) {
    const std::size_t before = plain.size();
    plain.resize(before + kRecord);
    const int count = openssl.SSL_read(ssl_.get(), plain.data() + before, kRecord);
    plain.resize(before + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count > 0) continue;
    const int error = openssl.SSL_get_error(ssl_.get(), count);
    if (error == SSL_ERROR_WANT_READ) return {};
    if (error == SSL_ERROR_ZERO_RETURN) return fail("the peer ends the connection");
    return fail(handshake_error());
  }
}

Result<> Endpoint::send(ByteSpan plain) {
  ORRERY_ASSERT(established_);
  if (plain.empty()) return {};
  const OpenSsl& openssl = OpenSsl::loaded();
  openssl.ERR_clear_error();
  const int size = static_cast<int>(plain.size());
  if (openssl.SSL_write(ssl_.get(), plain.data(), size) == size) return {};
  return fail("TLS: " + openssl_error());
}

void Endpoint::take_output(std::vector<std::byte>& to_network) {
  const OpenSsl& openssl = OpenSsl::loaded();
  const auto pending =
      static_cast<std::size_t>(openssl.BIO_ctrl(to_network_, BIO_CTRL_PENDING, 0, nullptr));
  if (pending == 0) return;
  const std::size_t before = to_network.size();
  to_network.resize(before + pending);
  openssl.BIO_read(to_network_, to_network.data() + before, static_cast<int>(pending));
}

std::string Endpoint::peer() const {
  const OpenSsl& openssl = OpenSsl::loaded();
  const Certificate certificate(openssl.SSL_get1_peer_certificate(ssl_.get()));
  if (!certificate) return "nobody";
  char name[128] = {};
  openssl.X509_NAME_get_text_by_NID(openssl.X509_get_subject_name(certificate.get()),
                                    NID_commonName, name, sizeof name);
  return name;
}

}  // namespace orrery::remote::tls
