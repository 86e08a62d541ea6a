#include "storage/luks/crypto.hpp"

#include <array>

#include <argon2.h>

#include "base/assert.hpp"
#include "base/files/shared_library.hpp"
#include "base/format.hpp"
#include "crypto/libcrypto.hpp"

namespace orrery::storage::luks {
namespace {

using crypto::Libcrypto;

// load_crypto() tells where there is none.
const Libcrypto& loaded() {
  return Libcrypto::loaded();
}

struct KnownHash {
  std::string_view luks;
  const char* openssl;
  std::size_t size;  // bytes
};
constexpr std::array kHashes{KnownHash{"sha256", "SHA256", 32}, KnownHash{"sha512", "SHA512", 64},
                             KnownHash{"sha384", "SHA384", 48}, KnownHash{"sha224", "SHA224", 28},
                             KnownHash{"sha1", "SHA1", 20}};

const KnownHash* find(std::string_view hash) {
  for (const KnownHash& each : kHashes) {
    if (each.luks == hash) return &each;
  }
  return nullptr;
}

Result<const EVP_MD*> find_hash(std::string_view hash) {
  const KnownHash* const known = find(hash);
  const EVP_MD* const found =
      known == nullptr ? nullptr : loaded().EVP_get_digestbyname(known->openssl);
  if (found != nullptr) return found;
  return fail(
      format("the hash \"{}\" is not one that Orrery knows; it takes sha256, sha512, "
             "sha384, sha224 and sha1",
             hash));
}

const unsigned char* octets(ByteSpan bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* octets(MutableByteSpan bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

struct Libargon2 {
  decltype(&::argon2id_hash_raw) id = nullptr;
  decltype(&::argon2i_hash_raw) i = nullptr;
  decltype(&::argon2_error_message) message = nullptr;
};

Result<Libargon2> load_argon2() {
  ORRERY_TRY(const SharedLibrary library, SharedLibrary::load("libargon2.so.1", "libargon2-1"));
  Libargon2 functions;
  ORRERY_CHECK(library.bind(functions.id, "argon2id_hash_raw"));
  ORRERY_CHECK(library.bind(functions.i, "argon2i_hash_raw"));
  ORRERY_CHECK(library.bind(functions.message, "argon2_error_message"));
  return functions;
}

}  // namespace

Result<> load_crypto() {
  if (!Libcrypto::get()) return fail(Libcrypto::get().error());
  return {};
}

std::size_t hash_size(std::string_view hash) {
  const KnownHash* const known = find(hash);
  return known == nullptr ? 0 : known->size;
}

Result<> hash(std::string_view hash, std::initializer_list<ByteSpan> parts, MutableByteSpan out) {
  ORRERY_TRY(const EVP_MD* const type, find_hash(hash));
  ORRERY_ASSERT(out.size() == hash_size(hash));
  const Libcrypto& crypto = loaded();
  EVP_MD_CTX* const context = crypto.EVP_MD_CTX_new();
  bool done = context != nullptr && crypto.EVP_DigestInit_ex(context, type, nullptr) == 1;
  for (const ByteSpan part : parts) {
    done = done && crypto.EVP_DigestUpdate(context, part.data(), part.size()) == 1;
  }
  done = done && crypto.EVP_DigestFinal_ex(context, octets(out), nullptr) == 1;
  crypto.EVP_MD_CTX_free(context);
  if (!done) return fail(format("libcrypto offers no {}: look at its openssl.cnf", hash));
  return {};
}

Result<> pbkdf2(std::string_view hash, ByteSpan passphrase, ByteSpan salt, std::uint32_t iterations,
                MutableByteSpan out) {
  ORRERY_TRY(const EVP_MD* const type, find_hash(hash));
  const int done = loaded().PKCS5_PBKDF2_HMAC(
      reinterpret_cast<const char*>(passphrase.data()), static_cast<int>(passphrase.size()),
      octets(salt), static_cast<int>(salt.size()), static_cast<int>(iterations), type,
      static_cast<int>(out.size()), octets(out));
  if (done != 1) return fail(format("PBKDF2 with {} fails in libcrypto", hash));
  return {};
}

Result<> argon2(const Argon2& cost, ByteSpan passphrase, ByteSpan salt, MutableByteSpan out) {
  static const Result<Libargon2> kLibrary = load_argon2();
  if (!kLibrary) return fail(kLibrary.error());
  const auto derive = cost.with_data_independence_first ? kLibrary->id : kLibrary->i;
  const int code = derive(cost.passes, cost.memory, cost.lanes, passphrase.data(),
                          passphrase.size(), salt.data(), salt.size(), out.data(), out.size());
  if (code == ARGON2_OK) return {};
  return fail(
      format("argon2 with {} MiB of memory: {}", cost.memory / 1024, kLibrary->message(code)));
}

void AesXts::Free::operator()(evp_cipher_ctx_st* context) const {
  loaded().EVP_CIPHER_CTX_free(context);
}

Result<AesXts> AesXts::create(ByteSpan key, Direction direction) {
  const Libcrypto& crypto = loaded();
  ORRERY_ASSERT(key.size() == 32 || key.size() == 64);
  const char* const name = key.size() == 64 ? "AES-256-XTS" : "AES-128-XTS";
  EVP_CIPHER* const cipher = crypto.EVP_CIPHER_fetch(nullptr, name, nullptr);
  if (cipher == nullptr) {
    return fail(format("libcrypto offers no {}: enable its default provider in openssl.cnf", name));
  }
  AesXts made(std::unique_ptr<evp_cipher_ctx_st, Free>(crypto.EVP_CIPHER_CTX_new()));
  const int encrypts = direction == Direction::kEncrypt ? 1 : 0;
  const bool done =
      made.context_ != nullptr && crypto.EVP_CipherInit_ex(made.context_.get(), cipher, nullptr,
                                                           octets(key), nullptr, encrypts) == 1;
  crypto.EVP_CIPHER_free(cipher);  // the context keeps it
  if (done) return made;
  // SP 800-38E: OpenSSL takes no key with two equal halves.
  return fail(format("libcrypto refuses the volume's key for {}", name));
}

void AesXts::transform(std::uint64_t unit_number, const std::byte* from, std::byte* to,
                       std::size_t size) {
  std::array<unsigned char, 16> tweak{};
  store_le(tweak.data(), unit_number);
  const Libcrypto& crypto = loaded();
  int length = 0;
  ORRERY_ASSERT(
      crypto.EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, tweak.data(), -1) == 1 &&
      crypto.EVP_CipherUpdate(context_.get(), reinterpret_cast<unsigned char*>(to), &length,
                              reinterpret_cast<const unsigned char*>(from),
                              static_cast<int>(size)) == 1);
}

}  // namespace orrery::storage::luks
