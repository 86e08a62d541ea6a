// `orrery disk compare`.
#include "base/format.hpp"
#include "cli/disk/disk.hpp"
#include "cli/disk/keys.hpp"

namespace orrery::cli::disk {
namespace {

constexpr int kDifferent = 2;

struct Given {
  std::string one;
  std::string other;
  bool json = false;
  KeyGiven key;
  KeyGiven other_key;
};

Result<int> compare(EventLoop& loop, const Given& given) {
  ORRERY_TRY(const auto difference, storage::compare_disks(loop, {given.one, given.key.source()},
                                                           {given.other, given.other_key.source()},
                                                           make_progress("comparing")));
  if (given.json) {
    nlohmann::json value{{"equal", !difference}};
    if (difference) value["offset"] = difference->offset;
    print_json(value);
  } else if (difference) {
    fmt::print("differ, first in the sector at {}\n", difference->offset);
  } else {
    fmt::print("equal\n");
  }
  return difference ? kDifferent : 0;
}

}  // namespace

void add_compare(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "compare", "whether two disks read alike; exits with 0 if so, with 2 if not");
  const auto given = std::make_shared<Given>();
  command->add_option("one", given->one, "a disk")->required();
  command->add_option("other", given->other, "another")->required();
  given->key.add_to(*command, "", "the first one's, where it is encrypted");
  given->other_key.add_to(*command, "other-", "the other one's");
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop& loop) { return compare(loop, *given); });
}

}  // namespace orrery::cli::disk
