#include "remote/tls/credentials.hpp"

#include "base/files/mapped_file.hpp"
#include "base/format.hpp"
#include "remote/tls/openssl.hpp"
#include "remote/tls/pem.hpp"

namespace orrery::remote::tls {
namespace {

std::shared_ptr<SSL_CTX> make_context() {
  const OpenSsl& openssl = OpenSsl::loaded();
  std::shared_ptr<SSL_CTX> context(openssl.SSL_CTX_new(openssl.TLS_method()),
                                   [&openssl](SSL_CTX* raw) { openssl.SSL_CTX_free(raw); });
  if (!context) return context;
  openssl.SSL_CTX_ctrl(context.get(), SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_3_VERSION, nullptr);
  openssl.SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                             nullptr);
  // Sessions are our own (io-packet.md): a new connection is a new handshake.
  openssl.SSL_CTX_set_num_tickets(context.get(), 0);
  return context;
}

}  // namespace

Result<Credentials> Credentials::parse(std::string_view text) {
  const Result<OpenSsl>& library = OpenSsl::get();
  if (!library) return fail(library.error());
  const OpenSsl& openssl = *library;
  PemReader reader(text);
  ORRERY_TRY(const Key key, reader.key());
  ORRERY_TRY(const Certificate own, reader.certificate());
  const auto authority = reader.certificate();
  if (!authority) {
    return fail(
        format("{}: behind its own certificate stands the authority's; an authority's file itself "
               "is for `orrery certificate create` only",
               authority.error().message()));
  }
  if (openssl.X509_check_private_key(own.get(), key.get()) != 1) {
    return fail("the private key is not the certificate's: " + openssl_error());
  }
  std::shared_ptr<SSL_CTX> context = make_context();
  if (!context || openssl.SSL_CTX_use_certificate(context.get(), own.get()) != 1 ||
      openssl.SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      openssl.X509_STORE_add_cert(openssl.SSL_CTX_get_cert_store(context.get()),
                                  authority->get()) != 1) {
    return fail("OpenSSL does not take the certificate: " + openssl_error());
  }
  return Credentials(std::move(context));
}

Result<Credentials> Credentials::load(const std::string& path) {
  ORRERY_TRY(const auto file, MappedFile::open(path));
  const ByteSpan bytes = file->bytes();
  auto credentials = parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!credentials) return fail(credentials.error().context(path));
  return credentials;
}

}  // namespace orrery::remote::tls
