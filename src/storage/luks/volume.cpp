#include "storage/luks/volume.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/luks/anti_forensic.hpp"
#include "storage/luks/crypto.hpp"
#include "storage/luks/layout.hpp"
#include "storage/request/transfers.hpp"

namespace orrery::storage::luks {
namespace {

constexpr std::size_t kAreaUnit = 512;  // bytes: key slots are encrypted in units of this size

Result<> transform_area(AesXts::Direction direction, ByteSpan key, MutableByteSpan material) {
  ORRERY_TRY(AesXts cipher, AesXts::create(key, direction));
  for (std::size_t at = 0; at < material.size(); at += kAreaUnit) {
    cipher.transform(at / kAreaUnit, &material[at], &material[at], kAreaUnit);
  }
  return {};
}

std::size_t material_size(const Keyslot& slot) {
  return align_up(std::size_t{slot.key_size} * slot.stripes, kAreaUnit);
}

// Version 4 of RFC 4122: drawn.
std::string draw_uuid() {
  std::array<std::byte, 16> bytes{};
  draw_random(bytes);
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += format("{:02x}", static_cast<unsigned>(bytes[i]));
  }
  return text;
}

Result<Segment> place_segment(const port::Blocks& disk, const NewVolume& options) {
  Segment segment;
  segment.offset = kNewDataAt;
  const std::uint64_t size = disk.geometry().size.value();
  if (size <= kNewDataAt) {
    return fail(
        format("{} bytes: an encrypted disk takes {} besides what it holds", size, kNewDataAt));
  }
  segment.sector_size = options.sector_size != 0 ? options.sector_size
                        : (size % 4096 == 0)     ? 4096
                                                 : 512;
  if (segment.sector_size < 512 || segment.sector_size > 4096 ||
      !std::has_single_bit(segment.sector_size)) {
    return fail(format("encrypted sectors of {} bytes: they have 512, 1024, 2048 or 4096",
                       segment.sector_size));
  }
  if (size % segment.sector_size != 0) {
    return fail(format("{} bytes are not whole sectors of {} bytes", size, segment.sector_size));
  }
  return segment;
}

Result<KeyDigest> make_digest(ByteSpan key) {
  KeyDigest digest;
  digest.hash = "sha256";
  // The key is random: guessing it is no way, however cheap a guess is.
  digest.iterations = 1000;
  digest.salt.resize(32);
  draw_random(digest.salt);
  digest.digest.resize(32);
  ORRERY_CHECK(pbkdf2(digest.hash, key, digest.salt, digest.iterations, digest.digest));
  return digest;
}

}  // namespace

std::uint64_t overhead() {
  return kNewDataAt;
}

Task<Result<Volume>> Volume::open(port::Blocks& disk) {
  Volume volume(disk);
  if (const Result<> loaded = load_crypto(); !loaded) co_return fail(loaded.error());
  const Result<> loaded = co_await volume.load();
  if (!loaded) co_return fail(loaded.error());
  co_return volume;
}

Task<Result<>> Volume::load() {
  const std::uint64_t disk_size = disk_->geometry().size.value();
  std::vector<std::byte> start(std::min(kBinaryLength, disk_size));
  Result<> read = co_await read_all(*disk_, 0, start);
  if (!read) co_return read;
  start.resize(std::min(header_bytes(start), disk_size));
  read = co_await read_all(*disk_, 0, start);
  if (!read) co_return read;
  Result<ChosenHeader> chosen = choose_header(start);
  if (!chosen) co_return fail(chosen.error());
  header_ = std::move(chosen->header);
  Result<nlohmann::json> document = parse_document(header_.json);
  if (!document) co_return fail(document.error());
  document_ = std::move(*document);
  const Result<> sound = refresh();
  if (!sound || chosen->both_whole || disk_->geometry().read_only) co_return sound;
  co_return co_await write_header();
}

Result<> Volume::refresh() {
  ORRERY_TRY(metadata_, read_metadata(document_, header_.size, disk_->geometry().size.value()));
  return {};
}

// The second copy stays as it was until the first one is durable.
Task<Result<>> Volume::write_header() {
  ++header_.sequence;
  header_.json = document_.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (const Copy copy : {Copy::kFirst, Copy::kSecond}) {
    Result<std::vector<std::byte>> bytes = make_copy(header_, copy);
    if (!bytes) co_return fail(bytes.error());
    const std::uint64_t at = copy == Copy::kFirst ? 0 : header_.size;
    Result<> done = co_await write_all(*disk_, at, *bytes);
    if (done) done = co_await flush(*disk_);
    if (!done) co_return done;
  }
  co_return refresh();
}

Result<> Volume::verify(ByteSpan key) const {
  SecretBytes digest(metadata_.digest.digest.size());
  ORRERY_CHECK(pbkdf2(metadata_.digest.hash, key, metadata_.digest.salt,
                      metadata_.digest.iterations, digest.bytes()));
  if (equal_in_constant_time(digest.bytes(), metadata_.digest.digest)) return {};
  return fail("the key does not open it");
}

// What comes out is the volume's key only if verify() says so.
Task<Result<SecretBytes>> Volume::open_slot(const Keyslot& slot, ByteSpan passphrase) {
  SecretBytes material(material_size(slot));
  const Result<> read = co_await read_all(*disk_, slot.area.offset, material.bytes());
  if (!read) co_return fail(read.error());
  const Result<SecretBytes> area_key = derive_key(slot.derivation, passphrase, slot.area_key_size);
  if (!area_key) co_return fail(area_key.error());
  const Result<> decrypted =
      transform_area(AesXts::Direction::kDecrypt, area_key->bytes(), material.bytes());
  if (!decrypted) co_return fail(decrypted.error());
  co_return merge_key(material.bytes(), slot.key_size, slot.stripes, slot.split_hash);
}

Task<Result<Volume::Unlocked>> Volume::unlock(ByteSpan passphrase) {
  std::vector<const Keyslot*> tried;
  std::string unsupported;
  for (const Keyslot& slot : metadata_.keyslots) {
    if (std::ranges::count(metadata_.digest.keyslots, slot.number) == 0) continue;
    if (!slot.unsupported.empty()) {
      unsupported +=
          format("; key slot {} {}, which Orrery does not know", slot.number, slot.unsupported);
    } else if (slot.priority != Keyslot::Priority::kIgnore) {
      tried.push_back(&slot);
    }
  }
  std::ranges::stable_sort(tried, std::ranges::greater{}, &Keyslot::priority);
  if (tried.empty()) co_return fail("has no key slot that can be opened" + unsupported);
  for (const Keyslot* const slot : tried) {
    Result<SecretBytes> key = co_await open_slot(*slot, passphrase);
    if (!key) co_return fail(key.error().context(format("key slot {}", slot->number)));
    if (verify(key->bytes())) co_return Unlocked{std::move(*key), slot->number};
  }
  co_return fail("the key does not open it" + unsupported);
}

Task<Result<>> Volume::fill_slot(const Keyslot& slot, ByteSpan key, ByteSpan passphrase) {
  Result<SecretBytes> split = split_key(key, slot.stripes, slot.split_hash);
  if (!split) co_return fail(split.error());
  SecretBytes material(material_size(slot));
  std::ranges::copy(split->bytes(), material.bytes().begin());
  const Result<SecretBytes> area_key = derive_key(slot.derivation, passphrase, slot.area_key_size);
  if (!area_key) co_return fail(area_key.error());
  Result<> done = transform_area(AesXts::Direction::kEncrypt, area_key->bytes(), material.bytes());
  if (done) done = co_await write_all(*disk_, slot.area.offset, material.bytes());
  if (done) done = co_await flush(*disk_);
  co_return done;
}

Task<Result<unsigned>> Volume::add_key(const SecretBytes& key, ByteSpan passphrase,
                                       DerivationCost cost) {
  Keyslot slot;
  const auto has = [&](unsigned number) {
    return std::ranges::count(metadata_.keyslots, number, &Keyslot::number) != 0;
  };
  while (has(slot.number)) ++slot.number;
  slot.key_size = static_cast<std::uint32_t>(key.size());
  slot.area_key_size = 64;
  slot.stripes = kStripes;
  slot.split_hash = "sha256";
  const auto room =
      find_room(metadata_, header_.size, align_up(material_size(slot), kAreaAlignment));
  if (!room || slot.number >= kMostSlots) {
    co_return fail("has no room for another key; remove one with `orrery disk key remove`");
  }
  slot.area = *room;
  Result<KeyDerivation> derivation = choose_derivation(cost);
  if (!derivation) co_return fail(derivation.error());
  slot.derivation = std::move(*derivation);
  Result<> done = co_await fill_slot(slot, key.bytes(), passphrase);
  if (!done) co_return fail(done.error());
  add_keyslot(document_, slot, metadata_.digest.number);
  done = co_await write_header();
  if (!done) co_return fail(done.error());
  co_return slot.number;
}

Task<Result<>> Volume::remove_slot(unsigned number) {
  const auto slot = std::ranges::find(metadata_.keyslots, number, &Keyslot::number);
  if (slot == metadata_.keyslots.end()) co_return fail(format("has no key slot {}", number));
  const auto opens = [&](const Keyslot& each) {
    return each.number != number && each.unsupported.empty() &&
           std::ranges::count(metadata_.digest.keyslots, each.number) != 0;
  };
  if (std::ranges::none_of(metadata_.keyslots, opens)) {
    co_return fail(
        format("key slot {} is the last one: without it all is lost; add another key "
               "with `orrery disk key add` first",
               number));
  }
  std::vector<std::byte> noise(slot->area.size);
  draw_random(noise);
  Result<> done = co_await write_all(*disk_, slot->area.offset, noise);
  if (done) done = co_await flush(*disk_);
  if (!done) co_return done;
  remove_keyslot(document_, number);
  co_return co_await write_header();
}

Task<Result<Volume>> Volume::create(port::Blocks& disk, const NewVolume& options,
                                    ByteSpan passphrase) {
  if (const Result<> loaded = load_crypto(); !loaded) co_return fail(loaded.error());
  const Result<Segment> segment = place_segment(disk, options);
  if (!segment) co_return fail(segment.error());
  SecretBytes key(64);
  draw_random(key.bytes());
  const Result<KeyDigest> digest = make_digest(key.bytes());
  if (!digest) co_return fail(digest.error());
  Volume volume(disk);
  volume.header_.size = kNewHeader;
  volume.header_.uuid = draw_uuid();
  volume.header_.label = options.label;
  volume.document_ = make_document(*segment, *digest, options.allow_discards);
  const Result<> sound = volume.refresh();
  if (!sound) co_return fail(sound.error());
  const Result<unsigned> slot = co_await volume.add_key(key, passphrase, options.cost);
  if (!slot) co_return fail(slot.error());
  co_return volume;
}

}  // namespace orrery::storage::luks
