#include "remote/tls/certificate.hpp"

#include <cstdint>

#include <arpa/inet.h>

#include "base/format.hpp"
#include "remote/tls/openssl.hpp"
#include "remote/tls/pem.hpp"

namespace orrery::remote::tls {
namespace {

constexpr int kX509Version3 = 2;  // RFC 5280, 4.1.2.1

Result<Key> make_key() {
  // The curve's name is a variable argument.
  Key key(OpenSsl::loaded().EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (key) return key;
  return fail("a key cannot be made: " + openssl_error());
}

bool set_serial_number(X509* certificate) {
  const OpenSsl& openssl = OpenSsl::loaded();
  std::uint64_t number = 0;
  if (openssl.RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1) {
    return false;
  }
  number = number >> 1 | 1;  // positive, and not 0 (RFC 5280, 4.1.2.2)
  return openssl.ASN1_INTEGER_set_uint64(openssl.X509_get_serialNumber(certificate), number) == 1;
}

bool set_validity(X509* certificate, unsigned days) {
  const OpenSsl& openssl = OpenSsl::loaded();
  return openssl.X509_time_adj_ex(openssl.X509_getm_notBefore(certificate), -1, 0, nullptr) !=
             nullptr &&
         openssl.X509_time_adj_ex(openssl.X509_getm_notAfter(certificate), static_cast<int>(days),
                                  0, nullptr) != nullptr;
}

bool set_name(X509* certificate, const std::string& name) {
  const OpenSsl& openssl = OpenSsl::loaded();
  const auto* const text = reinterpret_cast<const unsigned char*>(name.c_str());
  return openssl.X509_NAME_add_entry_by_txt(openssl.X509_get_subject_name(certificate), "CN",
                                            MBSTRING_UTF8, text, -1, -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  const OpenSsl& openssl = OpenSsl::loaded();
  X509V3_CTX context{};
  openssl.X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension =
      openssl.X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str());
  const bool added = extension != nullptr && openssl.X509_add_ext(certificate, extension, -1) == 1;
  openssl.X509_EXTENSION_free(extension);
  return added;
}

Result<Certificate> begin(EVP_PKEY* key, const std::string& name, unsigned days) {
  constexpr std::size_t kLongestName = 64;  // RFC 5280, A.1: ub-common-name
  if (name.empty() || name.size() > kLongestName) {
    return fail(format("the name \"{}\" has not 1 to {} characters", name, kLongestName));
  }
  const OpenSsl& openssl = OpenSsl::loaded();
  Certificate certificate(openssl.X509_new());
  X509* const raw = certificate.get();
  if (raw != nullptr && openssl.X509_set_version(raw, kX509Version3) == 1 &&
      set_serial_number(raw) && set_validity(raw, days) && set_name(raw, name) &&
      openssl.X509_set_pubkey(raw, key) == 1) {
    return certificate;
  }
  return fail("a certificate cannot be made: " + openssl_error());
}

Result<> sign(X509* certificate, X509* issuer, EVP_PKEY* key) {
  const OpenSsl& openssl = OpenSsl::loaded();
  if (openssl.X509_set_issuer_name(certificate, openssl.X509_get_subject_name(issuer)) == 1 &&
      openssl.X509_sign(certificate, key, openssl.EVP_sha256()) > 0) {
    return {};
  }
  return fail("a certificate cannot be signed: " + openssl_error());
}

// RFC 5280, 4.2.1.6, in the language of x509v3_config(5).
Result<std::string> alternative_names(const std::vector<std::string>& addresses) {
  std::string text;
  for (const std::string& address : addresses) {
    std::uint8_t ignored[16];
    const bool is_ip = ::inet_pton(AF_INET, address.c_str(), ignored) == 1 ||
                       ::inet_pton(AF_INET6, address.c_str(), ignored) == 1;
    constexpr std::string_view kOfHostNames =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    if (!is_ip &&
        (address.empty() || address.find_first_not_of(kOfHostNames) != std::string::npos)) {
      return fail(format("\"{}\" is neither a host's name nor an IP address", address));
    }
    text += format("{}{}:{}", text.empty() ? "" : ",", is_ip ? "IP" : "DNS", address);
  }
  return text;
}

}  // namespace

Result<std::string> create_authority(const std::string& name, unsigned days) {
  ORRERY_CHECK(OpenSsl::get());
  ORRERY_TRY(const Key key, make_key());
  ORRERY_TRY(const Certificate certificate, begin(key.get(), name, days));
  X509* const raw = certificate.get();
  if (!add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(raw, raw, NID_key_usage, "critical,keyCertSign") ||
      !add_extension(raw, raw, NID_subject_key_identifier, "hash")) {
    return fail("an authority cannot be made: " + openssl_error());
  }
  ORRERY_CHECK(sign(raw, raw, key.get()));
  PemWriter writer;
  ORRERY_CHECK(writer.add(key.get()));
  ORRERY_CHECK(writer.add(raw));
  return writer.take();
}

Result<std::string> create_certificate(std::string_view authority,
                                       const CertificateOptions& options) {
  ORRERY_CHECK(OpenSsl::get());
  PemReader reader(authority);
  ORRERY_TRY(const Key authority_key, reader.key());
  ORRERY_TRY(const Certificate issuer, reader.certificate());
  ORRERY_TRY(const std::string names, alternative_names(options.addresses));
  ORRERY_TRY(const Key key, make_key());
  ORRERY_TRY(const Certificate certificate, begin(key.get(), options.name, options.days));
  X509* const raw = certificate.get();
  const std::string usage = names.empty() ? "clientAuth" : "serverAuth,clientAuth";
  if (!add_extension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(raw, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(raw, issuer.get(), NID_ext_key_usage, usage) ||
      !add_extension(raw, issuer.get(), NID_authority_key_identifier, "keyid") ||
      (!names.empty() && !add_extension(raw, issuer.get(), NID_subject_alt_name, names))) {
    return fail("a certificate cannot be made: " + openssl_error());
  }
  ORRERY_CHECK(sign(raw, issuer.get(), authority_key.get()));
  PemWriter writer;
  ORRERY_CHECK(writer.add(key.get()));
  ORRERY_CHECK(writer.add(raw));
  ORRERY_CHECK(writer.add(issuer.get()));
  return writer.take();
}

}  // namespace orrery::remote::tls
