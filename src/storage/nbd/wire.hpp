// Big-endian fields in order. Private to storage/nbd/.
#pragma once

#include <bit>
#include <concepts>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"

namespace orrery::storage::nbd {

template <std::integral T>
std::optional<T> read_be(ByteReader& reader) {
  const std::optional<T> value = reader.read<T>();
  if (!value) return std::nullopt;
  return std::byteswap(*value);
}

// A string with its length of 32 bits in front.
inline std::optional<std::string_view> read_string(ByteReader& reader) {
  const auto length = read_be<std::uint32_t>(reader);
  if (!length) return std::nullopt;
  const auto bytes = reader.read_bytes(*length);
  if (!bytes) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

template <std::integral T>
void write_be(ByteWriter& writer, T value) {
  writer.write(std::byteswap(value));
}

inline void write_text(ByteWriter& writer, std::string_view text) {
  writer.write_bytes(as_bytes(text.data(), text.size()));
}

}  // namespace orrery::storage::nbd
