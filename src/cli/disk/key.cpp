// `orrery disk key`: the keys that open an encrypted disk.
#include "base/format.hpp"
#include "cli/disk/disk.hpp"
#include "cli/disk/keys.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  std::string path;
  std::string format;
  KeyGiven key;
  KeyGiven added;
  CostGiven cost;
  std::optional<unsigned> slot;
};

Result<storage::KeyChange> change_of(const Given& given) {
  ORRERY_TRY(const auto format, format_of(given.format));
  return storage::KeyChange{
      .path = given.path, .format = format, .key = given.key.source_or_prompt()};
}

using Change = Result<unsigned>(EventLoop&, const storage::KeyChange&, const storage::KeySource&,
                                const storage::luks::DerivationCost&);

Result<int> change(EventLoop& loop, const Given& given, Change& make) {
  ORRERY_TRY(const storage::KeyChange change, change_of(given));
  ORRERY_TRY(const auto cost, given.cost.cost());
  ORRERY_TRY(const unsigned slot, make(loop, change, given.added.source_or_prompt(), cost));
  fmt::print("key slot {} has the new key\n", slot);
  return 0;
}

Result<int> remove(EventLoop& loop, const Given& given) {
  ORRERY_TRY(const storage::KeyChange change, change_of(given));
  ORRERY_TRY(const unsigned slot, storage::remove_disk_key(loop, change, given.slot));
  fmt::print("key slot {} is empty\n", slot);
  return 0;
}

}  // namespace

void add_key(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("key", "the keys that open an encrypted disk");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* help) {
    CLI::App* const each = command->add_subcommand(name, help);
    auto given = std::make_shared<Given>();
    each->add_option("file", given->path, "the disk")->required();
    each->add_option("--format", given->format, std::string(kFormatOfOld));
    given->key.add_to(*each, "", "a key that opens it");
    return std::pair(each, given);
  };
  const auto [adding, added] = add("add", "one more key opens it");
  const auto [removing, removed] = add("remove", "a key opens it no more; never the last one");
  const auto [changing, changed] = add("change", "another key instead of this one");
  removing->add_option("--slot", removed->slot, "the key in this slot, which `info` lists");
  for (const auto& [each, given] : {std::pair(adding, added), std::pair(changing, changed)}) {
    given->added.add_to(*each, "new-", "the new key");
    given->cost.add_to(*each);
  }
  on_command(*adding, status, [given = added](EventLoop& loop) {
    return change(loop, *given, storage::add_disk_key);
  });
  on_command(*changing, status, [given = changed](EventLoop& loop) {
    return change(loop, *given, storage::change_disk_key);
  });
  on_command(*removing, status,
             [given = removed](EventLoop& loop) { return remove(loop, *given); });
}

}  // namespace orrery::cli::disk
