#include "vmm/gdb/packets.hpp"

#include <utility>

#include "base/format.hpp"

namespace orrery::vmm::gdb {
namespace {

constexpr std::uint8_t kInterruptByte = 0x03;
constexpr char kEscapeByte = '}';
constexpr std::uint8_t kEscapeMask = 0x20;
constexpr std::uint8_t kNoDigit = 0xff;

std::uint8_t digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return kNoDigit;
}

bool needs_escape(char c) {
  return c == '$' || c == '#' || c == '*' || c == kEscapeByte;
}

}  // namespace

std::optional<Arrival> PacketReader::take(std::uint8_t byte) {
  switch (place_) {
    case Place::kBetween: return between(byte);
    case Place::kData: data(byte); return std::nullopt;
    case Place::kEscape:
      sum_ = static_cast<std::uint8_t>(sum_ + byte);
      append(byte ^ kEscapeMask);
      place_ = Place::kData;
      return std::nullopt;
    case Place::kFirstDigit:
      first_digit_ = digit(static_cast<char>(byte));
      place_ = Place::kSecondDigit;
      return std::nullopt;
    case Place::kSecondDigit: place_ = Place::kBetween; return complete(byte);
  }
  return std::nullopt;
}

std::optional<Arrival> PacketReader::between(std::uint8_t byte) {
  switch (byte) {
    case '+': return Acknowledged{true};
    case '-': return Acknowledged{false};
    case kInterruptByte: return Interrupt{};
    case '$':
      data_.clear();
      sum_ = 0;
      overlong_ = false;
      place_ = Place::kData;
      return std::nullopt;
    default: return std::nullopt;
  }
}

void PacketReader::data(std::uint8_t byte) {
  if (byte == '#') {
    place_ = Place::kFirstDigit;
    return;
  }
  if (byte == '$') {  // the packet before was cut off
    data_.clear();
    sum_ = 0;
    return;
  }
  sum_ = static_cast<std::uint8_t>(sum_ + byte);
  if (byte == kEscapeByte) {
    place_ = Place::kEscape;
  } else {
    append(byte);
  }
}

void PacketReader::append(std::uint8_t byte) {
  if (data_.size() < kLongestPacket) {
    data_.push_back(static_cast<char>(byte));
  } else {
    overlong_ = true;
  }
}

Arrival PacketReader::complete(std::uint8_t second_digit) {
  const std::uint8_t low = digit(static_cast<char>(second_digit));
  const bool right = first_digit_ != kNoDigit && low != kNoDigit &&
                     static_cast<std::uint8_t>(first_digit_ << 4 | low) == sum_;
  if (!right || overlong_) return BadPacket{};
  return Packet{std::exchange(data_, {})};
}

std::string framed(std::string_view data) {
  std::string text = "$";
  std::uint8_t sum = 0;
  const auto put = [&](char c) {
    text.push_back(c);
    sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(c));
  };
  for (const char c : data) {
    if (needs_escape(c)) {
      put(kEscapeByte);
      put(static_cast<char>(static_cast<std::uint8_t>(c) ^ kEscapeMask));
    } else {
      put(c);
    }
  }
  return text + format("#{:02x}", sum);
}

std::string to_hex(ByteSpan bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(byte >> 4)]);
    text.push_back(kDigits[std::to_integer<unsigned>(byte & std::byte{15})]);
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::uint8_t high = digit(text[i]);
    const std::uint8_t low = digit(text[i + 1]);
    if (high == kNoDigit || low == kNoDigit) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  constexpr std::size_t kMostDigits = 16;
  std::uint64_t value = 0;
  std::size_t count = 0;
  while (count < text.size() && digit(text[count]) != kNoDigit) {
    if (count == kMostDigits) return std::nullopt;
    value = value << 4 | digit(text[count++]);
  }
  if (count == 0) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

}  // namespace orrery::vmm::gdb
