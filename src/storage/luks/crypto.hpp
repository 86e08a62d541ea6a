// What LUKS needs of cryptography, by OpenSSL and libargon2, both loaded when it is first used: a
// VM without an encrypted disk has neither in memory. Private to storage/; from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

// OpenSSL's, of <openssl/evp.h>.
struct evp_cipher_ctx_st;

namespace orrery::storage::luks {

// Loads libcrypto; an error tells that it cannot be found. Before all that follows.
Result<> load_crypto();

// Of a hash as LUKS names it, in bytes; 0: not one that Orrery takes.
std::size_t hash_size(std::string_view hash);

// OUT has hash_size() bytes; the input is all PARTS one after the other.
Result<> hash(std::string_view hash, std::initializer_list<ByteSpan> parts, MutableByteSpan out);

// PKCS #5, RFC 8018, section 5.2.
Result<> pbkdf2(std::string_view hash, ByteSpan passphrase, ByteSpan salt, std::uint32_t iterations,
                MutableByteSpan out);

struct Argon2 {
  bool with_data_independence_first = true;  // argon2id; else argon2i
  std::uint32_t passes = 0;
  std::uint32_t memory = 0;  // KiB
  std::uint32_t lanes = 0;   // and threads
};
// RFC 9106, version 0x13.
Result<> argon2(const Argon2& cost, ByteSpan passphrase, ByteSpan salt, MutableByteSpan out);

// AES-XTS (IEEE 1619) with keys of 128 or 256 bits, in one direction, on the processor's AES
// instructions. One thread at a time.
class AesXts {
 public:
  enum class Direction : std::uint8_t { kDecrypt, kEncrypt };
  // KEY: both halves, 32 or 64 bytes; it is not kept but as its schedule, which is wiped at the
  // end.
  static Result<AesXts> create(ByteSpan key, Direction direction);

  // One data unit, at least 16 bytes; in place where both are the same.
  void transform(std::uint64_t unit_number, const std::byte* from, std::byte* to, std::size_t size);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  explicit AesXts(std::unique_ptr<evp_cipher_ctx_st, Free> context)
      : context_(std::move(context)) {}

  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

}  // namespace orrery::storage::luks
