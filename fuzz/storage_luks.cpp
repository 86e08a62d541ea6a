// Fuzzes LUKS2 headers: what a disk begins with is made of the input's bytes. A header is opened or
// refused with an error; one that is opened can be written again, and reads as the same.
//
//   byte 0       bit 0: checksums stay those of the input; bit 1: no first copy; bit 2: no second
//   512 bytes    the binary header, of both copies
//   the rest     its JSON
#include <cstdint>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "base/bits.hpp"
#include "storage/luks/crypto.hpp"
#include "storage/luks/header.hpp"
#include "storage/luks/layout.hpp"
#include "storage/luks/metadata.hpp"

namespace orrery::fuzz {
namespace {

using namespace storage::luks;

constexpr std::size_t kBinary = 512;
constexpr std::uint64_t kDiskSize = 17_MiB;
constexpr unsigned kKeepsChecksums = 1;

void seal(MutableByteSpan copy) {
  constexpr std::size_t kLength = 32;
  constexpr std::array<std::byte, field::kChecksumLength> kZeroes{};
  const Result<> done = hash("sha256",
                             {copy.first(field::kChecksum), kZeroes,
                              copy.subspan(field::kChecksum + field::kChecksumLength)},
                             copy.subspan(field::kChecksum, kLength));
  ORRERY_ASSERT(done.has_value());
}

std::vector<std::byte> make_start(unsigned flags, ByteSpan binary, ByteSpan json) {
  std::vector<std::byte> start(2 * kNewHeader);
  for (const std::uint64_t at : {std::uint64_t{0}, kNewHeader}) {
    if ((flags & (at == 0 ? 2u : 4u)) != 0) continue;
    const MutableByteSpan copy = MutableByteSpan(start).subspan(at, kNewHeader);
    std::ranges::copy(binary, copy.begin());
    const std::size_t room = kNewHeader - kBinaryLength - 1;
    std::ranges::copy(json.first(std::min(json.size(), room)), copy.begin() + kBinaryLength);
    if ((flags & kKeepsChecksums) != 0) continue;
    const std::string_view magic = kMagics[at == 0 ? 0 : 1];
    std::ranges::copy(as_bytes(magic.data(), magic.size()), copy.begin());
    store_be(&copy[field::kHeaderSize], kNewHeader);
    store_be(&copy[field::kOffset], at);
    std::ranges::fill(copy.subspan(field::kChecksumName, field::kChecksumNameLength), std::byte{0});
    std::ranges::copy(as_bytes("sha256", 6), copy.begin() + field::kChecksumName);
    seal(copy);
  }
  return start;
}

// Slots lie where they may, and another one where there is room.
void check(const Header& header, const Metadata& metadata) {
  const std::uint64_t end = 2 * header.size + metadata.keyslots_size;
  for (const Keyslot& slot : metadata.keyslots) {
    ORRERY_ASSERT(slot.area.offset >= 2 * header.size && slot.area.offset + slot.area.size <= end);
    if (slot.unsupported.empty()) {
      ORRERY_ASSERT(std::uint64_t{slot.key_size} * slot.stripes <= slot.area.size);
    }
  }
  if (const auto room = find_room(metadata, header.size, 258048)) {
    ORRERY_ASSERT(room->offset + room->size <= end);
  }
  ORRERY_ASSERT(metadata.segment.offset >= end && metadata.segment.offset < kDiskSize);
}

void run(ByteSpan input) {
  const auto flags = static_cast<unsigned>(input[0]);
  const auto start = make_start(flags, input.subspan(1, kBinary), input.subspan(1 + kBinary));
  const auto chosen = choose_header(start);
  if (!chosen) return;
  Header header = chosen->header;
  auto document = parse_document(header.json);
  if (!document) return;
  const auto metadata = read_metadata(*document, header.size, kDiskSize);
  if (!metadata) return;
  check(header, *metadata);
  if (!metadata->keyslots.empty()) remove_keyslot(*document, metadata->keyslots.front().number);
  header.json = document->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::vector<std::byte> again(2 * header.size);
  const auto first = make_copy(header, Copy::kFirst);
  if (!first) return;  // the document grew by escapes
  std::ranges::copy(*first, again.begin());
  const auto reread = choose_header(again);
  ORRERY_ASSERT(reread.has_value() && reread->header.json == header.json);
  const auto less = parse_document(reread->header.json);
  ORRERY_ASSERT(less.has_value() && read_metadata(*less, header.size, kDiskSize).has_value());
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static const bool kLoaded = storage::luks::load_crypto().has_value();
  if (size < 1 + fuzz::kBinary || !kLoaded) return 0;
  fuzz::run(as_bytes(data, size));
  return 0;
}
