// Options of encrypted disks that several subcommands share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "base/error.hpp"
#include "storage/tools/disk_encryption.hpp"

namespace orrery::cli::disk {

// --PREFIXkey-file PATH, or --PREFIXkey prompt.
struct KeyGiven {
  std::string file;
  std::string key;

  void add_to(CLI::App& command, const std::string& prefix, const std::string& what);
  // Nothing where neither was given.
  std::optional<storage::KeySource> source() const;
  storage::KeySource source_or_prompt() const;
};

// What a new key costs to guess.
struct CostGiven {
  std::string derivation = "argon2id";
  std::uint32_t iterations = 0;
  std::uint32_t memory = 0;  // KiB
  std::uint32_t lanes = 0;

  void add_to(CLI::App& command);
  Result<storage::luks::DerivationCost> cost() const;
};

// --encrypt luks2, and what belongs to it.
struct EncryptGiven {
  std::string kind;
  CostGiven cost;
  std::uint32_t sector_size = 0;
  bool allow_discards = false;

  void add_to(CLI::App& command);
  // Nothing without --encrypt.
  Result<std::optional<storage::EncryptOptions>> options(const KeyGiven& key) const;
};

}  // namespace orrery::cli::disk
