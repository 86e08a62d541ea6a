// Trees of named values in packets: CBOR (RFC 8949), as the JSON library has it.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::remote {

// Bytes are another host's. The error names WHAT they should be; deeper trees than any of ours,
// which would take the reader's stack, are one. What the tree holds is the caller's to check.
Result<nlohmann::json> decode_tree(ByteSpan bytes, std::string_view what);

}  // namespace orrery::remote
