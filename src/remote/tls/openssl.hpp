// The functions of OpenSSL that connections between platforms need: libssl and libcrypto, loaded
// when the first of them is made, so that a VM without remote devices has neither in memory.
// Private to remote/tls/.
#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/error.hpp"

// The one list of them: FUNCTION(name), in libcrypto and in libssl.
#define ORRERY_LIBCRYPTO_FUNCTIONS(FUNCTION) \
  FUNCTION(ASN1_INTEGER_set_uint64)          \
  FUNCTION(BIO_ctrl)                         \
  FUNCTION(BIO_free)                         \
  FUNCTION(BIO_new)                          \
  FUNCTION(BIO_new_mem_buf)                  \
  FUNCTION(BIO_read)                         \
  FUNCTION(BIO_s_mem)                        \
  FUNCTION(BIO_write)                        \
  FUNCTION(ERR_clear_error)                  \
  FUNCTION(ERR_get_error)                    \
  FUNCTION(ERR_reason_error_string)          \
  FUNCTION(EVP_PKEY_Q_keygen)                \
  FUNCTION(EVP_PKEY_free)                    \
  FUNCTION(EVP_sha256)                       \
  FUNCTION(PEM_read_bio_PrivateKey)          \
  FUNCTION(PEM_read_bio_X509)                \
  FUNCTION(PEM_write_bio_PrivateKey)         \
  FUNCTION(PEM_write_bio_X509)               \
  FUNCTION(RAND_bytes)                       \
  FUNCTION(X509V3_EXT_nconf_nid)             \
  FUNCTION(X509V3_set_ctx)                   \
  FUNCTION(X509_EXTENSION_free)              \
  FUNCTION(X509_NAME_add_entry_by_txt)       \
  FUNCTION(X509_NAME_get_text_by_NID)        \
  FUNCTION(X509_STORE_add_cert)              \
  FUNCTION(X509_VERIFY_PARAM_set1_host)      \
  FUNCTION(X509_VERIFY_PARAM_set1_ip_asc)    \
  FUNCTION(X509_add_ext)                     \
  FUNCTION(X509_check_private_key)           \
  FUNCTION(X509_free)                        \
  FUNCTION(X509_get_serialNumber)            \
  FUNCTION(X509_get_subject_name)            \
  FUNCTION(X509_getm_notAfter)               \
  FUNCTION(X509_getm_notBefore)              \
  FUNCTION(X509_new)                         \
  FUNCTION(X509_set_issuer_name)             \
  FUNCTION(X509_set_pubkey)                  \
  FUNCTION(X509_set_version)                 \
  FUNCTION(X509_sign)                        \
  FUNCTION(X509_time_adj_ex)                 \
  FUNCTION(X509_verify_cert_error_string)

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

struct OpenSsl {
#define ORRERY_MEMBER(name) decltype(&::name) name = nullptr;
  ORRERY_LIBCRYPTO_FUNCTIONS(ORRERY_MEMBER)
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
