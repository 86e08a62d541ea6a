// A LUKS2 volume on a disk: its header, and the key slots that lead to its key. Private to
// storage/.
//
// Tasks, on the loop's thread; deriving a key holds the loop for seconds, so this is for opening
// and for tools. Both copies of the header are written one after the other, each made durable
// before the next, so one of them is whole at any instant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"
#include "storage/luks/header.hpp"
#include "storage/luks/metadata.hpp"

namespace orrery::storage::luks {

struct NewVolume {
  std::uint32_t sector_size = 0;  // 0: 4096 where the disk is whole in it, else 512
  bool allow_discards = false;
  std::string label;
  DerivationCost cost;
};

class Volume {
 public:
  struct Unlocked {
    SecretBytes key;
    unsigned slot = 0;
  };

  // Of a disk that outlives the volume. A copy of the header that is not whole is written anew,
  // unless the disk is read-only.
  static Task<Result<Volume>> open(port::Blocks& disk);
  // Writes a header with one key slot over what the disk begins with; 16 MiB of it are then gone.
  static Task<Result<Volume>> create(port::Blocks& disk, const NewVolume& options,
                                     ByteSpan passphrase);

  const Header& header() const { return header_; }
  const Metadata& metadata() const { return metadata_; }

  // The volume's key, from the first slot that the passphrase opens.
  Task<Result<Unlocked>> unlock(ByteSpan passphrase);

  // The slot's number. Its key is durable in its place before the header names it.
  Task<Result<unsigned>> add_key(const SecretBytes& key, ByteSpan passphrase, DerivationCost cost);
  // What the slot held is overwritten first. Not the last one that opens the volume.
  Task<Result<>> remove_slot(unsigned number);

 private:
  explicit Volume(port::Blocks& disk) : disk_(&disk) {}

  Task<Result<>> load();
  Task<Result<>> write_header();
  Task<Result<SecretBytes>> open_slot(const Keyslot& slot, ByteSpan passphrase);
  Task<Result<>> fill_slot(const Keyslot& slot, ByteSpan key, ByteSpan passphrase);
  Result<> verify(ByteSpan key) const;
  Result<> refresh();

  port::Blocks* disk_;
  Header header_;
  nlohmann::json document_;
  Metadata metadata_;
};

// Bytes that a new volume takes besides the disk that it holds.
std::uint64_t overhead();

}  // namespace orrery::storage::luks
