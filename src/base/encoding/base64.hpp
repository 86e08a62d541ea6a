// Base64 (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace orrery {

std::string to_base64(ByteSpan bytes);
// Nothing where the text is not exactly what to_base64() makes of some bytes.
std::optional<std::vector<std::byte>> from_base64(std::string_view text);

}  // namespace orrery
