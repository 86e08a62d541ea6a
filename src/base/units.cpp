#include "base/units.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>

#include "base/format.hpp"

namespace orrery {
namespace {

struct Unit {
  char letter;
  unsigned shift;
};
constexpr std::array<Unit, 4> kUnits{{{'K', 10}, {'M', 20}, {'G', 30}, {'T', 40}}};

// "", "K", "k", "KiB", "kib" and so on; nothing for anything else.
std::optional<unsigned> shift_of(std::string_view suffix) {
  if (suffix.empty()) return 0;
  const auto lower = [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  };
  const bool long_form = suffix.size() == 3 && lower(suffix[1]) == 'i' && lower(suffix[2]) == 'b';
  if (suffix.size() != 1 && !long_form) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (lower(suffix[0]) == lower(unit.letter)) return unit.shift;
  }
  return std::nullopt;
}

}  // namespace

Result<Bytes> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) {
    return fail(format("\"{}\" is too large for a size", text));
  }
  const std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  const auto shift = shift_of(suffix);
  if (error != std::errc{} || !shift) {
    return fail(
        format("\"{}\" is not a size; write a number with K, M, G or T, such as 512M", text));
  }
  if (number > (std::numeric_limits<std::uint64_t>::max() >> *shift)) {
    return fail(format("\"{}\" is too large for a size", text));
  }
  return Bytes(number << *shift);
}

Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t low, std::uint64_t high) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::invalid_argument || rest != end) {
    return fail(format("\"{}\" is not a number from {} to {}", text, low, high));
  }
  if (error != std::errc{} || number < low || number > high) {
    return fail(format("{} is not from {} to {}", text, low, high));
  }
  return number;
}

std::string to_string(Bytes size) {
  for (auto unit = kUnits.rbegin(); unit != kUnits.rend(); ++unit) {
    const std::uint64_t scale = std::uint64_t{1} << unit->shift;
    if (size.value() != 0 && size.value() % scale == 0) {
      return format("{}{}", size.value() / scale, unit->letter);
    }
  }
  return format("{}", size.value());
}

}  // namespace orrery
