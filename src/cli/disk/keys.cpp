#include "cli/disk/keys.hpp"

namespace orrery::cli::disk {

using storage::KeySource;

void KeyGiven::add_to(CLI::App& command, const std::string& prefix, const std::string& what) {
  auto* const path =
      command.add_option("--" + prefix + "key-file", file, what + ": all that is in this file");
  command.add_option("--" + prefix + "key", key, "\"prompt\": asked for on the terminal")
      ->check(CLI::IsMember({"prompt"}))
      ->excludes(path);
}

std::optional<KeySource> KeyGiven::source() const {
  if (!file.empty()) return KeySource{.kind = KeySource::Kind::kFile, .path = file, .held = {}};
  if (!key.empty()) return KeySource{.kind = KeySource::Kind::kPrompt, .path = {}, .held = {}};
  return std::nullopt;
}

KeySource KeyGiven::source_or_prompt() const {
  return source().value_or(KeySource{.kind = KeySource::Kind::kPrompt, .path = {}, .held = {}});
}

void CostGiven::add_to(CLI::App& command) {
  command.add_option("--pbkdf", derivation,
                     "how a key is derived: argon2id, argon2i or pbkdf2; argon2id if left away");
  command.add_option("--pbkdf-force-iterations", iterations,
                     "its passes or rounds; if left away, two seconds' worth on this host");
  command.add_option("--pbkdf-memory", memory,
                     "argon2: KiB of memory that it takes meanwhile; 1 GiB if left away");
  command.add_option("--pbkdf-parallel", lanes, "argon2: its threads, 1 to 4");
}

Result<storage::luks::DerivationCost> CostGiven::cost() const {
  ORRERY_TRY(const auto kind, storage::luks::parse_derivation(derivation));
  return storage::luks::DerivationCost{
      .kind = kind, .iterations = iterations, .memory = memory, .lanes = lanes};
}

void EncryptGiven::add_to(CLI::App& command) {
  command.add_option("--encrypt", kind, "luks2: the new disk is encrypted (AES-256-XTS)")
      ->check(CLI::IsMember({"luks2"}));
  command.add_option("--encrypted-sector-size", sector_size,
                     "of what is encrypted as one: 512 to 4096; 4096 if left away, where it fits");
  command.add_flag("--allow-discards", allow_discards,
                   "discards are passed on: who sees the file sees what is in use");
  cost.add_to(command);
}

Result<std::optional<storage::EncryptOptions>> EncryptGiven::options(const KeyGiven& key) const {
  if (kind.empty()) {
    if (allow_discards || sector_size != 0) {
      return fail("--allow-discards and --encrypted-sector-size are for --encrypt luks2");
    }
    return std::nullopt;
  }
  storage::EncryptOptions options;
  options.key = key.source_or_prompt();
  ORRERY_TRY(options.cost, cost.cost());
  options.sector_size = sector_size;
  options.allow_discards = allow_discards;
  return options;
}

}  // namespace orrery::cli::disk
