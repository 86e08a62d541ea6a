#include "store/digest.hpp"

#include <openssl/evp.h>

#include "base/assert.hpp"
#include "base/files/shared_library.hpp"
#include "base/format.hpp"

namespace orrery::store {
namespace {

struct Libcrypto {
  decltype(&::EVP_MD_fetch) fetch = nullptr;
  decltype(&::EVP_MD_CTX_new) create = nullptr;
  decltype(&::EVP_MD_CTX_free) free = nullptr;
  decltype(&::EVP_DigestInit_ex) begin = nullptr;
  decltype(&::EVP_DigestUpdate) update = nullptr;
  decltype(&::EVP_DigestFinal_ex) finish = nullptr;
  EVP_MD* sha256 = nullptr;  // looking it up takes as long as hashing half a KiB
};

Result<Libcrypto> load() {
  ORRERY_TRY(const SharedLibrary library, SharedLibrary::load("libcrypto.so.3", "libssl3"));
  Libcrypto functions;
  ORRERY_CHECK(library.bind(functions.fetch, "EVP_MD_fetch"));
  ORRERY_CHECK(library.bind(functions.create, "EVP_MD_CTX_new"));
  ORRERY_CHECK(library.bind(functions.free, "EVP_MD_CTX_free"));
  ORRERY_CHECK(library.bind(functions.begin, "EVP_DigestInit_ex"));
  ORRERY_CHECK(library.bind(functions.update, "EVP_DigestUpdate"));
  ORRERY_CHECK(library.bind(functions.finish, "EVP_DigestFinal_ex"));
  functions.sha256 = functions.fetch(nullptr, "SHA256", nullptr);
  if (functions.sha256 == nullptr) {
    return fail("libcrypto.so.3 offers no SHA256: enable its default provider in openssl.cnf");
  }
  return functions;
}

const Result<Libcrypto>& libcrypto() {
  static const Result<Libcrypto> kLibrary = load();
  return kLibrary;
}

const Libcrypto& loaded() {
  ORRERY_ASSERT(libcrypto().has_value());  // load_hasher() tells of it
  return *libcrypto();
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
  const Result<Libcrypto>& library = libcrypto();
  if (!library) return fail(library.error());
  return {};
}

Hasher::Hasher() : context_(loaded().create()) {
  ORRERY_ASSERT(context_ != nullptr && loaded().begin(context_, loaded().sha256, nullptr) == 1);
}

Hasher::~Hasher() {
  loaded().free(context_);
}

void Hasher::update(ByteSpan bytes) {
  ORRERY_ASSERT(loaded().update(context_, bytes.data(), bytes.size()) == 1);
}

Digest Hasher::finish() {
  Digest digest;
  auto* const to = reinterpret_cast<unsigned char*>(digest.bytes.data());
  ORRERY_ASSERT(loaded().finish(context_, to, nullptr) == 1);
  ORRERY_ASSERT(loaded().begin(context_, nullptr, nullptr) == 1);
  return digest;
}

}  // namespace orrery::store
