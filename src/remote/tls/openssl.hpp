// The functions of OpenSSL that connections between platforms need: libcrypto's and libssl's,
// loaded when the first of them is made. Private to remote/tls/.
#pragma once

#include <memory>

#include <openssl/ssl.h>

#include "base/error.hpp"
#include "crypto/libcrypto.hpp"

// The one list of those in libssl: FUNCTION(name).
#define ORRERY_LIBSSL_FUNCTIONS(FUNCTION) \
  FUNCTION(SSL_CTX_ctrl)                  \
  FUNCTION(SSL_CTX_free)                  \
  FUNCTION(SSL_CTX_get_cert_store)        \
  FUNCTION(SSL_CTX_new)                   \
  FUNCTION(SSL_CTX_set_num_tickets)       \
  FUNCTION(SSL_CTX_set_verify)            \
  FUNCTION(SSL_CTX_use_PrivateKey)        \
  FUNCTION(SSL_CTX_use_certificate)       \
  FUNCTION(SSL_do_handshake)              \
  FUNCTION(SSL_free)                      \
  FUNCTION(SSL_get0_param)                \
  FUNCTION(SSL_get1_peer_certificate)     \
  FUNCTION(SSL_get_error)                 \
  FUNCTION(SSL_get_verify_result)         \
  FUNCTION(SSL_is_init_finished)          \
  FUNCTION(SSL_new)                       \
  FUNCTION(SSL_read)                      \
  FUNCTION(SSL_set_accept_state)          \
  FUNCTION(SSL_set_bio)                   \
  FUNCTION(SSL_set_connect_state)         \
  FUNCTION(SSL_write)                     \
  FUNCTION(TLS_method)

namespace orrery::remote::tls {

struct OpenSsl : crypto::Libcrypto {
#define ORRERY_MEMBER(name) decltype(&::name) name = nullptr;
  ORRERY_LIBSSL_FUNCTIONS(ORRERY_MEMBER)
#undef ORRERY_MEMBER

  // Loaded by the first call, from any thread.
  static const Result<OpenSsl>& get();
  // After get() has succeeded.
  static const OpenSsl& loaded();
};

// What went wrong on this thread in OpenSSL last, in its words; the queue of errors is empty then.
std::string openssl_error();

struct Free {
  void operator()(X509* certificate) const { OpenSsl::loaded().X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { OpenSsl::loaded().EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { OpenSsl::loaded().BIO_free(bio); }
};
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Bio = std::unique_ptr<BIO, Free>;

}  // namespace orrery::remote::tls
