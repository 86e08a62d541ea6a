// UTF-16, little-endian, as VHDX and VHD keep names; our text is UTF-8. Private to storage/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace orrery::storage {

// What is no character becomes U+FFFD; an odd last byte is left out.
std::string from_utf16(ByteSpan bytes);
std::vector<std::byte> to_utf16(std::string_view text);

}  // namespace orrery::storage
