#include "http/range.hpp"

#include <algorithm>
#include <charconv>

#include "base/format.hpp"

namespace orrery::http {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

AskedRange parse_range(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const AskedRange all;
  if (!header.starts_with(kUnit)) return all;
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return all;
  const std::string_view from = header.substr(0, dash);
  const std::string_view to = header.substr(dash + 1);
  const auto first = parse_number(from);
  const auto last = parse_number(to);
  const AskedRange unsatisfiable{.kind = AskedRange::Kind::kUnsatisfiable, .range = {}};
  if (from.empty()) {  // that many from the end
    if (!last) return all;
    const std::uint64_t length = std::min(*last, size);
    if (length == 0) return unsatisfiable;
    return {.kind = AskedRange::Kind::kPart, .range = {size - length, length}};
  }
  if (!first || (!last && !to.empty()) || (last && *last < *first)) return all;
  if (*first >= size) return unsatisfiable;
  const std::uint64_t end = last && *last < size ? *last + 1 : size;
  return {.kind = AskedRange::Kind::kPart, .range = {*first, end - *first}};
}

std::string range_header(const ByteRange& range) {
  return format("bytes={}-{}", range.first, range.first + range.length - 1);
}

std::string content_range_header(const ByteRange& range, std::uint64_t size) {
  return format("bytes {}-{}/{}", range.first, range.first + range.length - 1, size);
}

std::optional<ByteRange> parse_content_range(std::string_view header) {
  constexpr std::string_view kUnit = "bytes ";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header = header.substr(kUnit.size(), header.find('/') - kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_number(header.substr(0, dash));
  const auto last = parse_number(header.substr(dash + 1));
  if (!first || !last || *last < *first || *last == UINT64_MAX) return std::nullopt;
  return ByteRange{.first = *first, .length = *last - *first + 1};
}

}  // namespace orrery::http
