// `orrery store list` and `orrery store show`.
#include <algorithm>

#include "base/format.hpp"
#include "cli/store/store.hpp"

namespace orrery::cli::store_commands {
namespace {

struct Given {
  std::string folder;
  std::string name;
  std::string tag;
  bool json = false;
};

nlohmann::json to_json(const std::string& name, const store::Manifest& image) {
  std::uint64_t segments = 0;
  for (const store::Run& run : image.runs) segments += run.zeroes() ? 0 : run.count;
  return {{"name", name},
          {"size", image.size},
          {"data", image.data},
          {"created", utc_time(image.created)},
          {"content", store::to_hex(image.content)},
          {"tags", image.tags},
          {"segments", segments},
          {"packs", image.packs.size()}};
}

Result<int> list(const Given& given) {
  ORRERY_TRY(const auto opened, open_store(given.folder));
  ORRERY_TRY(const auto names, opened->images());
  nlohmann::json all = nlohmann::json::array();
  int status = 0;
  for (const std::string& name : names) {
    const auto image = opened->find_manifest(name);
    if (!image) {  // the others are listed nevertheless
      fmt::print(stderr, "orrery store list: {}\n", image.error().message());
      status = kDamaged;
      continue;
    }
    if (!*image) continue;  // removed meanwhile
    const auto& tags = (*image)->tags;
    if (!given.tag.empty() && std::find(tags.begin(), tags.end(), given.tag) == tags.end()) {
      continue;
    }
    if (given.json) {
      all.push_back(to_json(name, **image));
    } else {
      fmt::print("{:<24} {:>10} {:>10} {}  {}\n", name, rounded((*image)->size),
                 rounded((*image)->data), local_time((*image)->created), fmt::join(tags, " "));
    }
  }
  if (given.json) print_json(all);
  return status;
}

Result<int> show(const Given& given) {
  ORRERY_TRY(const auto opened, open_store(given.folder));
  ORRERY_TRY(const store::Manifest image, opened->read_manifest(given.name));
  const nlohmann::json all = to_json(given.name, image);
  if (given.json) {
    print_json(all);
    return 0;
  }
  const auto line = [](std::string_view what, const std::string& value) {
    fmt::print("{:<10} {}\n", what, value);
  };
  line("image", given.name);
  line("size", format("{} ({} bytes)", rounded(image.size), image.size));
  line("data", format("{} in {} segments of {} packs", rounded(image.data),
                      all["segments"].get<std::uint64_t>(), image.packs.size()));
  line("added", local_time(image.created));
  line("tags", fmt::to_string(fmt::join(image.tags, " ")));
  line("content", store::to_hex(image.content));
  return 0;
}

}  // namespace

void add_list(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("list", "name the images, with size, data, date and tags");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("--tag", given->tag, "only those that have it");
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop&) { return list(*given); });
}

void add_show(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("show", "tell what an image is");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("image", given->name, "its name")->required();
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop&) { return show(*given); });
}

}  // namespace orrery::cli::store_commands
