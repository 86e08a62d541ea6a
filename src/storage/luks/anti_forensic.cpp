#include "storage/luks/anti_forensic.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "storage/luks/crypto.hpp"

namespace orrery::storage::luks {
namespace {

void add(MutableByteSpan sum, ByteSpan other) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] ^= other[i];
}

// H1: each piece of the hash's size becomes the hash of its number and itself; the last may be
// shorter.
Result<> diffuse(std::string_view name, MutableByteSpan bytes, MutableByteSpan hashed) {
  std::uint32_t number = 0;
  while (!bytes.empty()) {
    std::array<std::byte, 4> index{};
    store_be(index.data(), number++);
    const std::size_t part = std::min(hashed.size(), bytes.size());
    ORRERY_CHECK(hash(name, {index, bytes.first(part)}, hashed));
    std::copy_n(hashed.begin(), part, bytes.begin());
    bytes = bytes.subspan(part);
  }
  return {};
}

}  // namespace

Result<SecretBytes> split_key(ByteSpan key, std::uint32_t stripes, std::string_view hash) {
  SecretBytes material(key.size() * stripes);
  SecretBytes sum(key.size());
  SecretBytes hashed(hash_size(hash));
  ORRERY_ASSERT(hashed.size() != 0);
  const MutableByteSpan bytes = material.bytes();
  draw_random(bytes.first(key.size() * (stripes - 1)));
  for (std::uint32_t i = 0; i + 1 < stripes; ++i) {
    add(sum.bytes(), bytes.subspan(i * key.size(), key.size()));
    ORRERY_CHECK(diffuse(hash, sum.bytes(), hashed.bytes()));
  }
  add(sum.bytes(), key);
  std::ranges::copy(sum.bytes(), bytes.last(key.size()).begin());
  return material;
}

Result<SecretBytes> merge_key(ByteSpan material, std::size_t key_size, std::uint32_t stripes,
                              std::string_view hash) {
  ORRERY_ASSERT(material.size() / stripes >= key_size);
  SecretBytes sum(key_size);
  SecretBytes hashed(hash_size(hash));
  ORRERY_ASSERT(hashed.size() != 0);
  for (std::uint32_t i = 0; i + 1 < stripes; ++i) {
    add(sum.bytes(), material.subspan(i * key_size, key_size));
    ORRERY_CHECK(diffuse(hash, sum.bytes(), hashed.bytes()));
  }
  add(sum.bytes(), material.subspan((stripes - 1) * key_size, key_size));
  return sum;
}

}  // namespace orrery::storage::luks
