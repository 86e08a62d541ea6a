#include "store/digest.hpp"

#include "base/assert.hpp"
#include "base/format.hpp"
#include "crypto/libcrypto.hpp"

namespace orrery::store {
namespace {

using crypto::Libcrypto;

// Looking it up takes as long as hashing half a KiB.
Result<EVP_MD*> find_sha256() {
  ORRERY_TRY(const Libcrypto& libcrypto, Libcrypto::get());
  EVP_MD* const found = libcrypto.EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (found != nullptr) return found;
  return fail("libcrypto.so.3 offers no SHA256: enable its default provider in openssl.cnf");
}

const Result<EVP_MD*>& sha256() {
  static const Result<EVP_MD*> kFound = find_sha256();
  return kFound;
}

EVP_MD* known_sha256() {
  ORRERY_ASSERT(sha256().has_value());  // load_hasher() tells of it
  return *sha256();
}

std::string hex(ByteSpan bytes) {
  std::string text;
  for (const std::byte each : bytes) text += format("{:02x}", static_cast<unsigned>(each));
  return text;
}

}  // namespace

std::string to_hex(const Digest& digest) {
  return hex(digest.bytes);
}

std::string short_hex(const Digest& digest) {
  return hex(ByteSpan(digest.bytes).first(6));
}

Result<> load_hasher() {
  if (!sha256()) return fail(sha256().error());
  return {};
}

Hasher::Hasher() {
  EVP_MD* const hash = known_sha256();
  const Libcrypto& crypto = Libcrypto::loaded();
  context_ = crypto.EVP_MD_CTX_new();
  ORRERY_ASSERT(context_ != nullptr && crypto.EVP_DigestInit_ex(context_, hash, nullptr) == 1);
}

Hasher::~Hasher() {
  Libcrypto::loaded().EVP_MD_CTX_free(context_);
}

void Hasher::update(ByteSpan bytes) {
  ORRERY_ASSERT(Libcrypto::loaded().EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

Digest Hasher::finish() {
  Digest digest;
  auto* const to = reinterpret_cast<unsigned char*>(digest.bytes.data());
  const Libcrypto& crypto = Libcrypto::loaded();
  ORRERY_ASSERT(crypto.EVP_DigestFinal_ex(context_, to, nullptr) == 1);
  ORRERY_ASSERT(crypto.EVP_DigestInit_ex(context_, nullptr, nullptr) == 1);
  return digest;
}

}  // namespace orrery::store
