// SHA-256 (FIPS 180-4) of segments, tables and manifests, by OpenSSL, which uses the processor's
// SHA instructions. What is stored is named by it, so it has to withstand guests that make up
// content.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

// OpenSSL's, of <openssl/evp.h>.
struct evp_md_ctx_st;

namespace orrery::store {

struct Digest {
  std::array<std::byte, 32> bytes{};
  friend auto operator<=>(const Digest&, const Digest&) = default;

  std::uint64_t first_word() const { return load_le<std::uint64_t>(bytes.data()); }
};
static_assert(sizeof(Digest) == 32);

// 64 hexadecimal digits; `short_hex` has the first 12, for messages.
std::string to_hex(const Digest& digest);
std::string short_hex(const Digest& digest);

// Loads libcrypto, which only stores need; an error tells that it cannot be found. From any thread.
Result<> load_hasher();

// One at a time in one thread; made once for many digests. After load_hasher().
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Digest digest(ByteSpan bytes) {
    update(bytes);
    return finish();
  }
  void update(ByteSpan bytes);
  // Of all since the last one, or since the beginning.
  Digest finish();

 private:
  evp_md_ctx_st* context_;
};

}  // namespace orrery::store
