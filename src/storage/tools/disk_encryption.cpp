#include "storage/tools/disk_encryption.hpp"

#include "base/format.hpp"
#include "storage/disk_image.hpp"
#include "storage/luks/header.hpp"
#include "storage/luks/volume.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"

namespace orrery::storage {
namespace {

using luks::KeyDerivation;
using luks::SecretBytes;
using luks::Volume;

Result<std::unique_ptr<port::Blocks>> open_outer(EventLoop& loop, const std::string& path,
                                                 std::optional<Format> format) {
  DiskOptions options;
  options.path = path;
  options.format = format;
  return open_disk(loop, options);
}

std::string describe(const KeyDerivation& how) {
  if (how.kind == KeyDerivation::Kind::kPbkdf2) {
    return format("pbkdf2, {} rounds of {}", how.iterations, how.hash);
  }
  return format("{}, {} passes over {} KiB by {} threads", name_of(how.kind), how.iterations,
                how.memory, how.lanes);
}

EncryptionDescription describe_volume(const Volume& volume, std::uint64_t disk_size) {
  const luks::Metadata& metadata = volume.metadata();
  EncryptionDescription described;
  described.version = "LUKS2";
  described.uuid = volume.header().uuid;
  described.label = volume.header().label;
  described.cipher = "aes-xts-plain64";
  described.sector_size = metadata.segment.sector_size;
  described.size = metadata.segment.size.value_or(disk_size - metadata.segment.offset);
  described.allow_discards = metadata.allow_discards;
  for (const luks::Keyslot& slot : metadata.keyslots) {
    described.keyslots.push_back(
        {slot.number, slot.unsupported.empty() ? describe(slot.derivation) : "", slot.unsupported});
  }
  return described;
}

// A volume that a key opened.
struct Opened {
  std::unique_ptr<port::Blocks> disk;
  Volume volume;
  Volume::Unlocked unlocked;
};

Result<Opened> open_volume(EventLoop& loop, const KeyChange& change) {
  ORRERY_TRY(const SecretBytes key, read_key(change.key, "key of " + change.path));
  ORRERY_TRY(auto disk, open_outer(loop, change.path, change.format));
  auto volume = run_task(loop, Volume::open(*disk));
  if (!volume) return fail(volume.error().context(change.path));
  auto unlocked = run_task(loop, volume->unlock(key.bytes()));
  if (!unlocked) return fail(unlocked.error().context(change.path));
  return Opened{std::move(disk), std::move(*volume), std::move(*unlocked)};
}

Result<unsigned> add_to(EventLoop& loop, Opened& opened, const KeyChange& change,
                        const KeySource& added, const luks::DerivationCost& cost) {
  ORRERY_TRY(const SecretBytes key, read_new_key(added, "new key of " + change.path));
  auto slot = run_task(loop, opened.volume.add_key(opened.unlocked.key, key.bytes(), cost));
  if (!slot) return fail(slot.error().context(change.path));
  return slot;
}

Result<> remove_from(EventLoop& loop, port::Blocks& disk, Volume& volume, unsigned slot,
                     const std::string& path) {
  const Result<> removed = run_task(loop, volume.remove_slot(slot));
  if (!removed) return fail(removed.error().context(path));
  return flush_disk(loop, disk);
}

}  // namespace

Bytes encryption_overhead() {
  return Bytes(luks::overhead());
}

Result<> encrypt_new_disk(EventLoop& loop, const std::string& path, Format format,
                          const EncryptOptions& options) {
  ORRERY_TRY(const SecretBytes key, read_new_key(options.key, "new key of " + path));
  ORRERY_TRY(const auto disk, open_outer(loop, path, format));
  const luks::NewVolume volume{.sector_size = options.sector_size,
                               .allow_discards = options.allow_discards,
                               .label = {},
                               .cost = options.cost};
  const auto made = run_task(loop, Volume::create(*disk, volume, key.bytes()));
  if (!made) return fail(made.error().context(path));
  return flush_disk(loop, *disk);
}

Result<std::optional<EncryptionDescription>> describe_encryption(EventLoop& loop,
                                                                 port::Blocks& disk) {
  constexpr std::uint64_t kLooked = 512;
  const std::uint64_t size = disk.geometry().size.value();
  if (size < kLooked) return std::nullopt;
  std::vector<std::byte> start(
      std::max<std::uint64_t>(kLooked, disk.geometry().logical_block_size));
  ORRERY_CHECK(run_task(loop, read_all(disk, 0, start)));
  if (!luks::looks_encrypted(start)) return std::nullopt;
  const auto volume = run_task(loop, Volume::open(disk));
  if (volume) return describe_volume(*volume, size);
  EncryptionDescription described;
  described.version = "LUKS";
  described.problem = volume.error().message();
  return described;
}

Result<unsigned> add_disk_key(EventLoop& loop, const KeyChange& change, const KeySource& added,
                              const luks::DerivationCost& cost) {
  ORRERY_TRY(Opened opened, open_volume(loop, change));
  ORRERY_TRY(const unsigned slot, add_to(loop, opened, change, added, cost));
  ORRERY_CHECK(flush_disk(loop, *opened.disk));
  return slot;
}

Result<unsigned> change_disk_key(EventLoop& loop, const KeyChange& change, const KeySource& added,
                                 const luks::DerivationCost& cost) {
  ORRERY_TRY(Opened opened, open_volume(loop, change));
  ORRERY_TRY(const unsigned slot, add_to(loop, opened, change, added, cost));
  ORRERY_CHECK(remove_from(loop, *opened.disk, opened.volume, opened.unlocked.slot, change.path));
  return slot;
}

Result<unsigned> remove_disk_key(EventLoop& loop, const KeyChange& change,
                                 std::optional<unsigned> slot) {
  if (!slot) {
    ORRERY_TRY(Opened opened, open_volume(loop, change));
    const unsigned number = opened.unlocked.slot;
    ORRERY_CHECK(remove_from(loop, *opened.disk, opened.volume, number, change.path));
    return number;
  }
  ORRERY_TRY(const auto disk, open_outer(loop, change.path, change.format));
  auto volume = run_task(loop, Volume::open(*disk));
  if (!volume) return fail(volume.error().context(change.path));
  ORRERY_CHECK(remove_from(loop, *disk, *volume, *slot, change.path));
  return *slot;
}

}  // namespace orrery::storage
