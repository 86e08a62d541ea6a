// The anti-forensic splitter: a key as so many bytes that losing some of them loses the key (LUKS1
// On-Disk Format Specification 1.2.3, section 2.4). Private to storage/.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/luks/secret.hpp"

namespace orrery::storage::luks {

// HASH: one that hash_size() knows.
//
// STRIPES times the size of KEY.
Result<SecretBytes> split_key(ByteSpan key, std::uint32_t stripes, std::string_view hash);
// The first KEY_SIZE * STRIPES bytes of MATERIAL as the key.
Result<SecretBytes> merge_key(ByteSpan material, std::size_t key_size, std::uint32_t stripes,
                              std::string_view hash);

}  // namespace orrery::storage::luks
