// `orrery store add`.
#include "storage/store/add.hpp"

#include <filesystem>

#include "base/format.hpp"
#include "cli/store/store.hpp"

namespace orrery::cli::store_commands {
namespace {

struct Given {
  std::string folder;
  storage::AddOptions options;
  std::string format;
  bool json = false;
};

void print(const std::string& name, const store::WriteReport& report) {
  fmt::print("{}: {}, {} of it in {} segments; {} in {} segments were new, and take {}\n", name,
             rounded(report.size), rounded(report.data), report.segments, rounded(report.new_data),
             report.new_segments, rounded(report.stored));
}

Result<int> add(EventLoop& loop, Given given) {
  if (given.options.name.empty()) {
    given.options.name = std::filesystem::path(given.options.disk.path).stem().string();
  }
  ORRERY_CHECK(store::check_name(given.options.name));
  ORRERY_TRY(given.options.disk.format, disk::format_of(given.format));
  ORRERY_TRY(const auto opened, store::Store::create(store::host_files(given.folder)));
  ORRERY_TRY(const auto report,
             storage::add_to_store(loop, *opened, given.options, make_progress("adding")));
  if (given.json) {
    print_json({{"name", given.options.name},
                {"size", report.size},
                {"data", report.data},
                {"segments", report.segments},
                {"new_data", report.new_data},
                {"new_segments", report.new_segments},
                {"stored", report.stored}});
  } else {
    print(given.options.name, report);
  }
  return 0;
}

}  // namespace

void add_add(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "add", "add a disk, with all that lies below it, as an image; makes the store if need be");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("file", given->options.disk.path, "the disk")->required();
  command->add_option("--name", given->options.name,
                      "of the image; if left away, the file's without its ending");
  command->add_option("--tag", given->options.tags, "give it a tag; repeatable");
  command->add_option("--format", given->format, "raw or qcow2; if left away, what it looks like");
  command->add_option("--snapshot", given->options.disk.snapshot, "of the disk, instead of itself");
  command
      ->add_option("--level", given->options.level,
                   "of zstd, 1 to 19: smaller and slower; 3 if left away")
      ->check(CLI::Range(store::kLeastLevel, store::kMostLevel));
  command->add_flag("--replace", given->options.replace, "an image of that name may be there");
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop& loop) { return add(loop, *given); });
}

}  // namespace orrery::cli::store_commands
