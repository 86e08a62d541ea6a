// Where the key of an encrypted disk comes from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "storage/luks/secret.hpp"

namespace orrery::storage {

struct KeySource {
  enum class Kind : std::uint8_t {
    kFile,    // all that is in it, as cryptsetup's --key-file; at most 8 MiB
    kPrompt,  // a line from the terminal
    kHeld,    // as it was read before
  };

  Kind kind = Kind::kFile;
  std::string path;                               // kFile
  std::shared_ptr<const luks::SecretBytes> held;  // kHeld
};

// WHAT is asked for: "key of disk.img". Waits for the user.
Result<luks::SecretBytes> read_key(const KeySource& source, const std::string& what);
// The same, twice from the terminal, for a key that is new.
Result<luks::SecretBytes> read_new_key(const KeySource& source, const std::string& what);
// read_new_key(), once for all that follows.
Result<KeySource> hold_new_key(const KeySource& source, const std::string& what);

}  // namespace orrery::storage
