#include "remote/tls/pem.hpp"

#include "base/format.hpp"

namespace orrery::remote::tls {
namespace {

// Nobody is asked for a passphrase.
int no_passphrase(char* /*to*/, int /*size*/, int /*writes*/, void* /*user*/) {
  return -1;
}

}  // namespace

PemReader::PemReader(std::string_view text)
    : bio_(OpenSsl::loaded().BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))) {}

Result<Key> PemReader::key() {
  Key key(OpenSsl::loaded().PEM_read_bio_PrivateKey(bio_.get(), nullptr, no_passphrase, nullptr));
  if (key) return key;
  return fail(format("there is no private key without a passphrase ({})", openssl_error()));
}

Result<Certificate> PemReader::certificate() {
  Certificate certificate(
      OpenSsl::loaded().PEM_read_bio_X509(bio_.get(), nullptr, no_passphrase, nullptr));
  if (certificate) return certificate;
  return fail(format("a certificate is missing ({})", openssl_error()));
}

PemWriter::PemWriter() : bio_(OpenSsl::loaded().BIO_new(OpenSsl::loaded().BIO_s_mem())) {}

Result<> PemWriter::add(EVP_PKEY* key) {
  const int done = OpenSsl::loaded().PEM_write_bio_PrivateKey(bio_.get(), key, nullptr, nullptr, 0,
                                                              nullptr, nullptr);
  if (done == 1) return {};
  return fail("a private key cannot be written: " + openssl_error());
}

Result<> PemWriter::add(X509* certificate) {
  if (OpenSsl::loaded().PEM_write_bio_X509(bio_.get(), certificate) == 1) return {};
  return fail("a certificate cannot be written: " + openssl_error());
}

std::string PemWriter::take() {
  const OpenSsl& openssl = OpenSsl::loaded();
  std::string text(
      static_cast<std::size_t>(openssl.BIO_ctrl(bio_.get(), BIO_CTRL_PENDING, 0, nullptr)), '\0');
  openssl.BIO_read(bio_.get(), text.data(), static_cast<int>(text.size()));
  return text;
}

}  // namespace orrery::remote::tls
