#include "storage/io/crc32c.hpp"

#include <array>

namespace orrery::storage {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F6'3B78;  // 1EDC6F41h with its bits reversed

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kTable = make_table();

std::uint32_t update(std::uint32_t crc, ByteSpan bytes) {
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<std::uint32_t>(byte)) & 0xFF];
  }
  return crc;
}

}  // namespace

std::uint32_t crc32c(ByteSpan bytes, std::size_t zeroed) {
  constexpr std::array<std::byte, 4> kZeroes{};
  std::uint32_t crc = update(~0u, bytes.first(zeroed));
  crc = update(crc, kZeroes);
  return ~update(crc, bytes.subspan(zeroed + kZeroes.size()));
}

}  // namespace orrery::storage
