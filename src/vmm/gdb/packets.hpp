// The framing of GDB's remote serial protocol (GDB manual, appendix E.1 "Overview"): packets
// `$data#checksum`, acknowledgements, and the interrupt byte. Knows nothing of what packets say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"

namespace orrery::vmm::gdb {

// Of data, and so of a packet without its frame; told to GDB as PacketSize.
inline constexpr std::size_t kLongestPacket = 16 * 1024;

struct Packet {
  std::string data;  // escapes resolved
};
struct BadPacket {};  // a wrong checksum, or longer than kLongestPacket: to be asked for again
struct Acknowledged {
  bool received;  // '+', not '-'
};
struct Interrupt {};  // Ctrl-C

using Arrival = std::variant<Packet, BadPacket, Acknowledged, Interrupt>;

class PacketReader {
 public:
  // The next byte from GDB; what it completes, if anything. Bytes between packets are ignored.
  std::optional<Arrival> take(std::uint8_t byte);

 private:
  enum class Place : std::uint8_t { kBetween, kData, kEscape, kFirstDigit, kSecondDigit };

  std::optional<Arrival> between(std::uint8_t byte);
  void data(std::uint8_t byte);
  void append(std::uint8_t byte);
  Arrival complete(std::uint8_t second_digit);

  Place place_ = Place::kBetween;
  std::string data_;
  bool overlong_ = false;
  std::uint8_t sum_ = 0;
  std::uint8_t first_digit_ = 0;
};

// DATA in its frame, with escapes where it needs them.
std::string framed(std::string_view data);

// ---- Numbers and bytes as GDB writes them ----

std::string to_hex(ByteSpan bytes);
// An error of form, or an odd number of digits: nothing.
std::optional<std::string> from_hex(std::string_view text);

// Takes a hexadecimal number off the front of TEXT; nothing, and TEXT as it was, when there is none
// or it has more than 64 bits.
std::optional<std::uint64_t> take_number(std::string_view& text);
// Takes WORD off the front of TEXT if it is there.
bool take_word(std::string_view& text, std::string_view word);

}  // namespace orrery::vmm::gdb
