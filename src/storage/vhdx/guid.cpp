#include "storage/vhdx/guid.hpp"

#include "base/format.hpp"
#include "storage/disk_identity.hpp"

namespace orrery::storage::vhdx {
namespace {

// Which byte each pair of digits stands for.
constexpr std::array<std::size_t, 16> kOrder{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

constexpr bool has_dash_before(std::size_t pair) {
  return pair == 4 || pair == 6 || pair == 8 || pair == 10;
}

std::optional<unsigned> digit(char letter) {
  if (letter >= '0' && letter <= '9') return static_cast<unsigned>(letter - '0');
  if (letter >= 'a' && letter <= 'f') return static_cast<unsigned>(letter - 'a') + 10;
  if (letter >= 'A' && letter <= 'F') return static_cast<unsigned>(letter - 'A') + 10;
  return std::nullopt;
}

}  // namespace

Guid draw_guid() {
  Guid guid{draw_identity().identifier};
  guid.bytes[7] = (guid.bytes[7] & std::byte{0x0F}) | std::byte{0x40};
  guid.bytes[8] = (guid.bytes[8] & std::byte{0x3F}) | std::byte{0x80};
  return guid;
}

std::string to_text(const Guid& guid) {
  std::string text = "{";
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    if (has_dash_before(i)) text += '-';
    text += format("{:02x}", static_cast<unsigned>(guid.bytes[kOrder[i]]));
  }
  return text + "}";
}

std::optional<Guid> parse_guid(std::string_view text) {
  if (text.starts_with('{') && text.ends_with('}')) text = text.substr(1, text.size() - 2);
  if (text.size() != 36) return std::nullopt;
  Guid guid;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    if (has_dash_before(i)) {
      if (text.front() != '-') return std::nullopt;
      text.remove_prefix(1);
    }
    const auto high = digit(text[0]);
    const auto low = digit(text[1]);
    if (!high || !low) return std::nullopt;
    guid.bytes[kOrder[i]] = static_cast<std::byte>(*high * 16 + *low);
    text.remove_prefix(2);
  }
  return guid;
}

}  // namespace orrery::storage::vhdx
