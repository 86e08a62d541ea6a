// How a passphrase becomes the key of a key slot. Private to storage/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/luks/secret.hpp"

namespace orrery::storage::luks {

struct KeyDerivation {
  enum class Kind : std::uint8_t { kPbkdf2, kArgon2i, kArgon2id };

  // As libcryptsetup limits them: a header from elsewhere must not take all of the host.
  static constexpr std::uint32_t kMostMemory = 4u << 20;  // KiB
  static constexpr std::uint32_t kMostLanes = 4;

  Kind kind = Kind::kArgon2id;
  std::string hash = "sha256";   // kPbkdf2
  std::uint32_t iterations = 0;  // argon2: passes
  std::uint32_t memory = 0;      // argon2: KiB
  std::uint32_t lanes = 0;       // argon2: threads
  std::vector<std::byte> salt;
};

std::string_view name_of(KeyDerivation::Kind kind);
Result<KeyDerivation::Kind> parse_derivation(std::string_view name);

// Takes seconds, and with argon2 up to 4 GiB of memory meanwhile.
Result<SecretBytes> derive_key(const KeyDerivation& how, ByteSpan passphrase, std::size_t size);

// What a new slot costs: where nothing is said, two seconds on this host, as cryptsetup does it.
struct DerivationCost {
  KeyDerivation::Kind kind = KeyDerivation::Kind::kArgon2id;
  std::uint32_t iterations = 0;  // 0: measured
  std::uint32_t memory = 0;      // KiB; 0: 1 GiB, or half of what the host has
  std::uint32_t lanes = 0;       // 0: up to four, as the host has processors
};
// With a new salt.
Result<KeyDerivation> choose_derivation(const DerivationCost& cost);

}  // namespace orrery::storage::luks
