#include "base/encoding/base64.hpp"

namespace orrery {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(ByteSpan bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;  // of 24 bits
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (at + i < bytes.size() ? static_cast<std::uint32_t>(bytes[at + i]) : 0);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += at + i > bytes.size() ? '=' : kDigits[group >> (18 - 6 * i) & 63];
    }
  }
  return text;
}

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
  std::vector<std::byte> bytes;
  if (text.size() % 4 != 0) return std::nullopt;
  for (std::size_t at = 0; at < text.size(); at += 4) {
    std::uint32_t group = 0;
    std::size_t count = 3;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t digit = kDigits.find(text[at + i]);
      group =
          group << 6 | (digit == std::string_view::npos ? 0 : static_cast<std::uint32_t>(digit));
      if (digit == std::string_view::npos && count == 3) count = i == 0 ? 0 : i - 1;
    }
    for (std::size_t i = 0; i < count; ++i) {
      bytes.push_back(static_cast<std::byte>(group >> (16 - 8 * i)));
    }
  }
  // What is no digit, in the wrong place, or leaves bits over, reads back otherwise.
  if (to_base64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace orrery
