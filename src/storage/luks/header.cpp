#include "storage/luks/header.hpp"

#include <algorithm>
#include <bit>
#include <optional>

#include "base/format.hpp"
#include "storage/luks/crypto.hpp"
#include "storage/luks/layout.hpp"
#include "storage/luks/secret.hpp"

namespace orrery::storage::luks {
namespace {

bool has_magic(ByteSpan bytes, Copy copy) {
  const std::string_view magic = kMagics[static_cast<std::size_t>(copy)];
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with(magic);
}

std::string read_text(ByteSpan bytes, std::size_t at, std::size_t length) {
  const std::string_view text(reinterpret_cast<const char*>(&bytes[at]), length);
  return std::string(text.substr(0, text.find('\0')));
}

// What is too long is cut off; one zero stays at the end.
void write_text(MutableByteSpan bytes, std::size_t at, std::size_t length, std::string_view text) {
  const ByteSpan from = as_bytes(text.data(), std::min(text.size(), length - 1));
  std::ranges::copy(from, bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

bool is_header_size(std::uint64_t size) {
  return std::has_single_bit(size) && size >= kLeastHeader && size <= kMostHeader;
}

Result<> checksum(ByteSpan copy, std::string_view name, MutableByteSpan out) {
  constexpr std::array<std::byte, field::kChecksumLength> kZeroes{};
  return hash(name,
              {copy.first(field::kChecksum), kZeroes,
               copy.subspan(field::kChecksum + field::kChecksumLength)},
              out);
}

Result<> check_version(ByteSpan binary) {
  const auto version = load_be<std::uint16_t>(&binary[field::kVersion]);
  if (version == 2) return {};
  return fail(version == 1 ? "is LUKS1, which Orrery does not take; make it LUKS2 with "
                             "`cryptsetup convert --type luks2`, with a copy at hand"
                           : format("is LUKS of version {}; Orrery takes 2", version));
}

bool is_blank(ByteSpan bytes) {
  return std::ranges::all_of(bytes, [](std::byte each) { return each == std::byte{0}; });
}

// The copy at AT; nothing where none is, an error where it is damaged.
Result<std::optional<Header>> read_copy(ByteSpan start, std::uint64_t at, Copy copy) {
  if (at + kBinaryLength > start.size()) return std::nullopt;
  const ByteSpan binary = start.subspan(at, kBinaryLength);
  if (!has_magic(binary, copy)) return std::nullopt;
  ORRERY_CHECK(check_version(binary));
  Header header;
  header.size = load_be<std::uint64_t>(&binary[field::kHeaderSize]);
  const auto placed = load_be<std::uint64_t>(&binary[field::kOffset]);
  if (!is_header_size(header.size) || placed != at || header.size > start.size() - at) {
    return fail(
        format("a header of {} bytes that says it lies at {}, not at {}", header.size, placed, at));
  }
  header.sequence = load_be<std::uint64_t>(&binary[field::kSequence]);
  header.label = read_text(binary, field::kLabel, field::kLabelLength);
  header.checksum = read_text(binary, field::kChecksumName, field::kChecksumNameLength);
  header.uuid = read_text(binary, field::kUuid, field::kUuidLength);
  header.subsystem = read_text(binary, field::kSubsystem, field::kSubsystemLength);
  const ByteSpan all = start.subspan(at, header.size);
  const std::size_t size = hash_size(header.checksum);
  if (size == 0) return fail(format("a checksum by \"{}\"", header.checksum));
  std::vector<std::byte> sum(size);
  ORRERY_CHECK(checksum(all, header.checksum, sum));
  if (!std::ranges::equal(sum, binary.subspan(field::kChecksum, size))) {
    return fail("its checksum is another");
  }
  header.json = read_text(all, kBinaryLength, header.size - kBinaryLength);
  return header;
}

// Behind the first copy, or where it says nothing: at any place where one may be.
Result<std::optional<Header>> find_second(ByteSpan start, const std::optional<Header>& first) {
  if (first) return read_copy(start, first->size, Copy::kSecond);
  Result<std::optional<Header>> found = std::nullopt;
  for (std::uint64_t at = kLeastHeader; at <= kMostHeader; at *= 2) {
    found = read_copy(start, at, Copy::kSecond);
    if (found && *found) return found;
  }
  return found;
}

}  // namespace

bool looks_encrypted(ByteSpan start) {
  return start.size() >= 8 && has_magic(start, Copy::kFirst);
}

std::uint64_t header_bytes(ByteSpan start) {
  if (start.size() < kBinaryLength || !has_magic(start, Copy::kFirst)) return 2 * kMostHeader;
  const auto size = load_be<std::uint64_t>(&start[field::kHeaderSize]);
  return is_header_size(size) ? 2 * size : 2 * kMostHeader;
}

Result<ChosenHeader> choose_header(ByteSpan start) {
  const bool named = start.size() >= kBinaryLength && has_magic(start, Copy::kFirst);
  // What an older format, or another use of the disk, left of a second copy counts for nothing.
  if (named) ORRERY_CHECK(check_version(start));
  const auto first = read_copy(start, 0, Copy::kFirst);
  const auto second = find_second(start, first ? *first : std::nullopt);
  const bool has_first = first && *first;
  const bool has_second = second && *second;
  if (!named && has_second && !is_blank(start.first(kBinaryLength))) {
    return fail(
        "begins with something else than a LUKS header, whose second copy is whole: it was "
        "written over. If the disk is to be read as LUKS still, write 4096 zeroes to its "
        "start, with a copy at hand");
  }
  if (!has_first && !has_second) {
    if (!first) {
      return fail(first.error().context(
          "damaged: neither copy of its LUKS header is whole; the first has"));
    }
    return fail(
        "holds no LUKS header; leave \"encryption=luks\" away, or encrypt it with `orrery "
        "disk convert --encrypt luks2`");
  }
  if (!has_second) return ChosenHeader{**first, false};
  if (!has_first) return ChosenHeader{**second, false};
  const bool alike = (*first)->sequence == (*second)->sequence && (*first)->json == (*second)->json;
  const bool newer = (*second)->sequence > (*first)->sequence;
  return ChosenHeader{newer ? **second : **first, alike};
}

Result<std::vector<std::byte>> make_copy(const Header& header, Copy copy) {
  if (header.json.size() >= header.size - kBinaryLength) {
    return fail(format("the header's JSON of {} bytes has no room in {}", header.json.size(),
                       header.size - kBinaryLength));
  }
  std::vector<std::byte> bytes(header.size);
  write_text(bytes, 0, kMagicLength + 1, kMagics[static_cast<std::size_t>(copy)]);
  store_be(&bytes[field::kVersion], std::uint16_t{2});
  store_be(&bytes[field::kHeaderSize], header.size);
  store_be(&bytes[field::kSequence], header.sequence);
  write_text(bytes, field::kLabel, field::kLabelLength, header.label);
  write_text(bytes, field::kChecksumName, field::kChecksumNameLength, header.checksum);
  draw_random(MutableByteSpan(bytes).subspan(field::kSalt, field::kSaltLength));
  write_text(bytes, field::kUuid, field::kUuidLength, header.uuid);
  write_text(bytes, field::kSubsystem, field::kSubsystemLength, header.subsystem);
  store_be(&bytes[field::kOffset], copy == Copy::kFirst ? std::uint64_t{0} : header.size);
  write_text(bytes, kBinaryLength, header.size - kBinaryLength, header.json);
  std::vector<std::byte> sum(hash_size(header.checksum));
  ORRERY_CHECK(checksum(bytes, header.checksum, sum));
  std::ranges::copy(sum, bytes.begin() + field::kChecksum);
  return bytes;
}

}  // namespace orrery::storage::luks
