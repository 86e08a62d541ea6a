// `orrery store remove`, `orrery store tag` and `orrery store gc`.
#include "base/format.hpp"
#include "cli/store/store.hpp"
#include "store/collect.hpp"

namespace orrery::cli::store_commands {
namespace {

struct Given {
  std::string folder;
  std::string name;
  std::vector<std::string> names;
  std::vector<std::string> removed;
  store::CollectOptions options;
  bool json = false;
};

Result<int> remove(const Given& given) {
  ORRERY_TRY(const auto opened, open_store(given.folder));
  // All or none, as far as mistakes go.
  for (const std::string& name : given.names) {
    ORRERY_CHECK(store::check_name(name));
    ORRERY_TRY(const auto there, opened->files().open(store::image_name(name)));
    if (!there) return fail(opened->read_manifest(name).error());
  }
  for (const std::string& name : given.names) ORRERY_CHECK(opened->remove(name));
  return 0;
}

Result<int> tag(const Given& given) {
  ORRERY_TRY(const auto opened, open_store(given.folder));
  ORRERY_CHECK(opened->tag(given.name, given.names, given.removed));
  return 0;
}

Result<int> collect(const Given& given) {
  ORRERY_TRY(const auto opened, open_store(given.folder));
  ORRERY_TRY(const auto report,
             store::collect(*opened, given.options, make_progress("collecting")));
  if (given.json) {
    print_json({{"packs_removed", report.packs_removed},
                {"packs_made", report.packs_made},
                {"packs_busy", report.packs_busy},
                {"bytes_freed", report.bytes_freed},
                {"bytes_left", report.bytes_left}});
    return 0;
  }
  fmt::print("{} freed: {} packs removed, {} made of what was left in them\n",
             rounded(report.bytes_freed), report.packs_removed, report.packs_made);
  if (report.bytes_left != 0) {
    fmt::print(
        "{} (before compression) stay in packs that are mostly in use; --percent 0 rewrites "
        "those, too\n",
        rounded(report.bytes_left));
  }
  if (report.packs_busy != 0) {
    fmt::print("{} packs are left, as images are being added that may need them\n",
               report.packs_busy);
  }
  return 0;
}

}  // namespace

void add_remove(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("remove", "remove images; `gc` gives their space back");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("image", given->names, "their names")->required();
  on_command(*command, status, [given](EventLoop&) { return remove(*given); });
}

void add_tag(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("tag", "give an image tags, or take them away");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("image", given->name, "its name")->required();
  command->add_option("tag", given->names, "the tags that it gets");
  command->add_option("--remove", given->removed, "a tag that it loses; repeatable")
      ->allow_extra_args(false);
  on_command(*command, status, [given](EventLoop&) { return tag(*given); });
}

void add_gc(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("gc", "give back the space that no image needs; others may be at work");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command
      ->add_option("--percent", given->options.percent,
                   "rewrite packs of which more is not needed; 25 if left away")
      ->check(CLI::Range(0, 100));
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop&) { return collect(*given); });
}

}  // namespace orrery::cli::store_commands
