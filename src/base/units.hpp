// Sizes and numbers as people write them on command lines and in configuration files.
//
// A size is a whole number with an optional unit: K, M, G or T (powers of 1024, any case, also as
// KiB, MiB, GiB, TiB); "512M" is 536870912 bytes and a plain "4096" is 4096 bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/types.hpp"

namespace orrery {

// Errors say what is wrong with the text and show a correct example; the caller adds whose text it
// was ("--memory").
Result<Bytes> parse_bytes(std::string_view text);

// A decimal number within [LOW, HIGH].
Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t low, std::uint64_t high);

// The shortest exact form: "512M", "1537K", "4095".
std::string to_string(Bytes size);

}  // namespace orrery
