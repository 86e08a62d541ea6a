// Sizes for people to read, not to be read again.
#pragma once

#include <cstdint>
#include <string>

namespace orrery {

// "1.5 GiB"; below 1 KiB exact: "12 bytes".
std::string rounded(std::uint64_t bytes);

}  // namespace orrery
