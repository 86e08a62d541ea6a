// The functions of OpenSSL's libcrypto that Orrery uses: loaded by the first who needs one, so that
// a VM without encrypted disks, stores and remote devices does not have the library in memory.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/error.hpp"

// The one list of them: FUNCTION(name).
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
  FUNCTION(EVP_CIPHER_CTX_free)              \
  FUNCTION(EVP_CIPHER_CTX_new)               \
  FUNCTION(EVP_CIPHER_fetch)                 \
  FUNCTION(EVP_CIPHER_free)                  \
  FUNCTION(EVP_CipherInit_ex)                \
  FUNCTION(EVP_CipherUpdate)                 \
  FUNCTION(EVP_DigestFinal_ex)               \
  FUNCTION(EVP_DigestInit_ex)                \
  FUNCTION(EVP_DigestUpdate)                 \
  FUNCTION(EVP_MD_CTX_free)                  \
  FUNCTION(EVP_MD_CTX_new)                   \
  FUNCTION(EVP_MD_fetch)                     \
  FUNCTION(EVP_PKEY_Q_keygen)                \
  FUNCTION(EVP_PKEY_free)                    \
  FUNCTION(EVP_get_digestbyname)             \
  FUNCTION(EVP_sha256)                       \
  FUNCTION(PEM_read_bio_PrivateKey)          \
  FUNCTION(PEM_read_bio_X509)                \
  FUNCTION(PEM_write_bio_PrivateKey)         \
  FUNCTION(PEM_write_bio_X509)               \
  FUNCTION(PKCS5_PBKDF2_HMAC)                \
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

namespace orrery::crypto {

struct Libcrypto {
#define ORRERY_MEMBER(name) decltype(&::name) name = nullptr;
  ORRERY_LIBCRYPTO_FUNCTIONS(ORRERY_MEMBER)
#undef ORRERY_MEMBER

  // Loaded by the first call, from any thread.
  static const Result<Libcrypto>& get();
  // After get() has succeeded.
  static const Libcrypto& loaded();
};

}  // namespace orrery::crypto
