// `orrery store extract`.
#include "base/units.hpp"
#include "cli/store/store.hpp"
#include "storage/store/store_disk.hpp"

namespace orrery::cli::store_commands {
namespace {

struct Given {
  std::string folder;
  std::string name;
  std::string format;
  storage::ConvertOptions options;
};

Result<int> extract(EventLoop& loop, Given given) {
  ORRERY_CHECK(store::check_name(given.name));
  ORRERY_TRY(given.options.to_format, disk::format_of_new(given.options.to, given.format));
  given.options.from = std::string(storage::kStorePrefix) + given.folder + "/" + given.name;
  ORRERY_CHECK(storage::convert_disk(loop, given.options, make_progress("extracting")));
  return 0;
}

}  // namespace

void add_extract(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("extract", "make a disk of an image, verified as it is read");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("image", given->name, "its name")->required();
  command->add_option("file", given->options.to, "the new disk")->required();
  command->add_option("--format", given->format,
                      "raw or qcow2; if left away, raw for a name that ends in .raw, else qcow2");
  command->add_flag("--replace", given->options.replace, "the new file may be there already");
  on_command(*command, status, [given](EventLoop& loop) { return extract(loop, *given); });
}

}  // namespace orrery::cli::store_commands
