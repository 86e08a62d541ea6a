// `orrery snapshot list`, `show` and `verify`.
#include "base/format.hpp"
#include "base/units.hpp"
#include "cli/snapshot/snapshot.hpp"
#include "snapshot/stored.hpp"
#include "storage/store/store_disk.hpp"

namespace orrery::cli::snapshot_commands {
namespace {

struct Given {
  std::string name;
  std::string library;
  bool json = false;
};

nlohmann::json for_programs(const snapshot::Manifest& manifest) {
  nlohmann::json fields = snapshot::to_json(manifest);
  fields["created"] = utc_time(manifest.created);
  return fields;
}

Result<int> list(const Given& given) {
  const snapshot::Library library(given.library);
  ORRERY_TRY(const auto names, library.names());
  nlohmann::json all = nlohmann::json::array();
  int status = 0;
  for (const std::string& name : names) {
    const auto manifest = library.read(name);
    if (!manifest) {  // the others are listed nevertheless
      fmt::print(stderr, "orrery snapshot list: {}\n", manifest.error().message());
      status = kDamaged;
    } else if (given.json) {
      all.push_back(for_programs(*manifest));
    } else {
      fmt::print("{:<24} {}  {:>6}  {} disks  {}\n", name, local_time(manifest->created),
                 to_string(manifest->memory()), manifest->disks.size(),
                 manifest->parent.empty() ? "" : "after " + manifest->parent);
    }
  }
  if (given.json) print_json(all);
  return status;
}

// Of a library or a store, with whole paths.
Result<snapshot::Manifest> read(EventLoop& loop, const Given& given) {
  if (storage::names_store_image(given.name)) {
    ORRERY_TRY(auto bundle, snapshot::read_stored(loop, given.name));
    return std::move(bundle.manifest);
  }
  const auto [library, name] = snapshot::find(given.name, given.library);
  ORRERY_TRY(auto manifest, library.read(name));
  for (snapshot::Disk& disk : manifest.disks) {
    if (disk.kept) disk.file = library.disk_path(disk.file);
  }
  return manifest;
}

Result<int> show(EventLoop& loop, const Given& given) {
  ORRERY_TRY(const snapshot::Manifest manifest, read(loop, given));
  if (given.json) {
    print_json(for_programs(manifest));
    return 0;
  }
  const auto line = [](std::string_view what, const std::string& value) {
    fmt::print("{:<12} {}\n", what, value);
  };
  line("snapshot", manifest.name);
  line("made", local_time(manifest.created));
  if (!manifest.parent.empty()) line("after", manifest.parent);
  line("hypervisor", manifest.hypervisor);
  for (const snapshot::Option& option : manifest.options) {
    line("option", option.name + " = " + option.value);
  }
  for (const snapshot::Disk& disk : manifest.disks) {
    line("disk", disk.file);
    line("", "content " + (disk.identity.empty() ? "unknown" : disk.identity));
  }
  return 0;
}

Result<int> verify(const Given& given) {
  const auto [library, name] = snapshot::find(given.name, given.library);
  const Result<> whole = library.verify(name);
  if (whole) {
    fmt::print("{}: whole\n", name);
    return 0;
  }
  fmt::print(stderr, "orrery snapshot verify: {}\n", whole.error().message());
  return kDamaged;
}

}  // namespace

void add_list(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("list", "the snapshots that there are");
  const auto given = std::make_shared<Given>();
  add_library(*command, given->library);
  command->add_flag("--json", given->json, "print for programs");
  on_command(*command, status, [given](EventLoop&) { return list(*given); });
}

void add_show(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("show", "what a snapshot consists of");
  const auto given = std::make_shared<Given>();
  command->add_option("name", given->name, "the snapshot, or its folder")->required();
  add_library(*command, given->library);
  command->add_flag("--json", given->json, "print for programs");
  on_command(*command, status, [given](EventLoop& loop) { return show(loop, *given); });
}

void add_verify(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("verify", "read all of a snapshot's state and memory");
  const auto given = std::make_shared<Given>();
  command->add_option("name", given->name, "the snapshot, or its folder")->required();
  add_library(*command, given->library);
  on_command(*command, status, [given](EventLoop&) { return verify(*given); });
}

}  // namespace orrery::cli::snapshot_commands
