#include "store/digest.hpp"

#include <openssl/evp.h>

#include "base/assert.hpp"
#include "base/format.hpp"

namespace orrery::store {
namespace {

// Looking it up takes as long as hashing half a KiB.
const EVP_MD* algorithm() {
  static EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  ORRERY_ASSERT(kSha256 != nullptr);
  return kSha256;
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

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
  ORRERY_ASSERT(context_ != nullptr && EVP_DigestInit_ex(context_, algorithm(), nullptr) == 1);
}

Hasher::~Hasher() {
  EVP_MD_CTX_free(context_);
}

void Hasher::update(ByteSpan bytes) {
  ORRERY_ASSERT(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

Digest Hasher::finish() {
  Digest digest;
  auto* const to = reinterpret_cast<unsigned char*>(digest.bytes.data());
  ORRERY_ASSERT(EVP_DigestFinal_ex(context_, to, nullptr) == 1);
  ORRERY_ASSERT(EVP_DigestInit_ex(context_, nullptr, nullptr) == 1);
  return digest;
}

}  // namespace orrery::store
