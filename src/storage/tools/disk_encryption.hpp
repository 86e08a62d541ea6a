// Encrypted disks: the work behind `orrery disk create --encrypt` and `orrery disk key`. Each
// function runs the loop, which nobody else may run, for seconds where a key is derived.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/types.hpp"
#include "port/blocks.hpp"
#include "storage/disk_format.hpp"
#include "storage/luks/key_derivation.hpp"
#include "storage/luks/key_source.hpp"

namespace orrery::storage {

struct EncryptOptions {
  KeySource key;
  luks::DerivationCost cost;
  std::uint32_t sector_size = 0;  // of what is encrypted as one; 0: 4096 where it fits, else 512
  bool allow_discards = false;    // what is discarded shows in the file
};

// What a disk takes besides what it holds.
Bytes encryption_overhead();

// Makes a LUKS2 volume of what is in the file, which is then lost.
Result<> encrypt_new_disk(EventLoop& loop, const std::string& path, Format format,
                          const EncryptOptions& options);

struct KeyslotDescription {
  unsigned number = 0;
  std::string derivation;   // "argon2id, 4 passes over 1024 MiB by 4 threads"
  std::string unsupported;  // empty: Orrery can open it
};
struct EncryptionDescription {
  std::string version;  // "LUKS2"
  std::string problem;  // why Orrery does not open it; what follows is then empty
  std::string uuid;
  std::string label;
  std::string cipher;
  std::uint32_t sector_size = 0;  // bytes
  std::uint64_t size = 0;         // of the disk in it, bytes
  bool allow_discards = false;
  std::vector<KeyslotDescription> keyslots;
};
// Nothing where the disk holds no LUKS; no key is needed.
Result<std::optional<EncryptionDescription>> describe_encryption(EventLoop& loop,
                                                                 port::Blocks& disk);

struct KeyChange {
  std::string path;
  std::optional<Format> format;
  KeySource key;  // one that opens the disk
};
// Both return the new key's slot.
Result<unsigned> add_disk_key(EventLoop& loop, const KeyChange& change, const KeySource& added,
                              const luks::DerivationCost& cost);
// The new key is there before the old one goes.
Result<unsigned> change_disk_key(EventLoop& loop, const KeyChange& change, const KeySource& added,
                                 const luks::DerivationCost& cost);
// The slot that the key opens, or the one of that number, for which no key is asked; never the
// last.
Result<unsigned> remove_disk_key(EventLoop& loop, const KeyChange& change,
                                 std::optional<unsigned> slot);

}  // namespace orrery::storage
