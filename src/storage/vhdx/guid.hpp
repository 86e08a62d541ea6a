// GUIDs as VHDX stores them: 16 bytes, the first three fields little-endian. Private to storage/.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace orrery::storage::vhdx {

struct Guid {
  std::array<std::byte, 16> bytes{};

  bool is_zero() const { return *this == Guid{}; }
  friend bool operator==(const Guid&, const Guid&) = default;
};

// As it is written in specifications: TIME_LOW-TIME_MID-TIME_HIGH-... in hexadecimal digits.
constexpr Guid make_guid(std::uint32_t first, std::uint16_t second, std::uint16_t third,
                         std::uint64_t rest) {
  Guid guid;
  const auto put = [&guid](std::size_t at, std::uint64_t value) {
    guid.bytes[at] = static_cast<std::byte>(value & 0xFF);
  };
  for (unsigned i = 0; i < 4; ++i) put(i, first >> (8 * i));
  for (unsigned i = 0; i < 2; ++i) put(4 + i, second >> (8 * i));
  for (unsigned i = 0; i < 2; ++i) put(6 + i, third >> (8 * i));
  for (unsigned i = 0; i < 8; ++i) put(8 + i, rest >> (8 * (7 - i)));
  return guid;
}

inline Guid load_guid(const std::byte* from) {
  Guid guid;
  std::copy_n(from, guid.bytes.size(), guid.bytes.begin());
  return guid;
}
inline void store_guid(std::byte* to, const Guid& guid) {
  std::copy(guid.bytes.begin(), guid.bytes.end(), to);
}

// A new one, random (RFC 4122, version 4).
Guid draw_guid();

// "{83ed0ec3-24c8-49a6-a959-5e4bf1288bfb}"
std::string to_text(const Guid& guid);
// With braces or without, in either case of letters.
std::optional<Guid> parse_guid(std::string_view text);

}  // namespace orrery::storage::vhdx
