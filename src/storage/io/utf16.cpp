#include "storage/io/utf16.hpp"

#include <cstdint>

namespace orrery::storage {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

bool is_high(std::uint32_t unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low(std::uint32_t unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

void append_utf8(std::string& text, std::uint32_t point) {
  const auto put = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | point >> 6);
    return put(0x80 | (point & 0x3F));
  }
  if (point < 0x1'0000) {
    put(0xE0 | point >> 12);
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
  }
  put(0x80 | (point >> 6 & 0x3F));
  put(0x80 | (point & 0x3F));
}

// The character at AT, which moves behind it; a wrong byte is one character.
std::uint32_t take_utf8(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(text[i]) & 0xFF; };
  const std::uint32_t first = byte(at++);
  if (first < 0x80) return first;
  const std::size_t more = first >= 0xF0 && first < 0xF8   ? 3
                           : first >= 0xE0 && first < 0xF0 ? 2
                           : first >= 0xC2 && first < 0xE0 ? 1
                                                           : 0;
  if (more == 0 || at + more > text.size()) return kReplacement;
  std::uint32_t point = first & (0x3Fu >> more);
  for (std::size_t i = 0; i < more; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return kReplacement;
    point = point << 6 | (byte(at + i) & 0x3F);
  }
  at += more;
  return point > 0x10'FFFF || is_high(point) || is_low(point) ? kReplacement : point;
}

}  // namespace

std::string from_utf16(ByteSpan bytes) {
  std::string text;
  const auto unit = [&](std::size_t at) -> std::uint32_t {
    return load_le<std::uint16_t>(&bytes[at]);
  };
  for (std::size_t at = 0; at + 2 <= bytes.size(); at += 2) {
    std::uint32_t point = unit(at);
    if (is_high(point) && at + 4 <= bytes.size() && is_low(unit(at + 2))) {
      point = 0x1'0000 + ((point - 0xD800) << 10) + (unit(at + 2) - 0xDC00);
      at += 2;
    } else if (is_high(point) || is_low(point)) {
      point = kReplacement;
    }
    append_utf8(text, point);
  }
  return text;
}

std::vector<std::byte> to_utf16(std::string_view text) {
  ByteWriter writer;
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t point = take_utf8(text, at);
    if (point < 0x1'0000) {
      writer.write(static_cast<std::uint16_t>(point));
    } else {
      writer.write(static_cast<std::uint16_t>(0xD800 + ((point - 0x1'0000) >> 10)));
      writer.write(static_cast<std::uint16_t>(0xDC00 + (point & 0x3FF)));
    }
  }
  return writer.take();
}

}  // namespace orrery::storage
