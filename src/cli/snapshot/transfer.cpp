// `orrery snapshot export`, `import` and `push`.
#include "snapshot/transfer.hpp"

#include "base/format.hpp"
#include "cli/snapshot/snapshot.hpp"
#include "snapshot/stored.hpp"
#include "vmm/options/option_values.hpp"
#include "vmm/snapshot/snapshot_options.hpp"

namespace orrery::cli::snapshot_commands {
namespace {

struct Given {
  std::string name;
  std::string folder;
  std::string library;
  std::string called;
  std::vector<std::string> tags;
  bool json = false;
};

// How the disks that the VM only read are opened.
Result<std::vector<storage::DiskOptions>> read_only_disks(const snapshot::Manifest& manifest) {
  std::vector<storage::DiskOptions> disks;
  for (const snapshot::Disk& disk : manifest.disks) {
    if (disk.kept) continue;
    ORRERY_TRY(auto source, vmm::parse_disk(disk.file));
    disks.push_back(std::move(source));
  }
  return disks;
}

int print(const Given& given, const snapshot::Library& to, const snapshot::Manifest& manifest) {
  if (given.json) {
    print_json(snapshot::to_json(manifest));
  } else {
    fmt::print("{}\n", to.folder() + '/' + manifest.name);
  }
  return 0;
}

Result<int> export_snapshot(EventLoop& loop, const Given& given) {
  const auto [from, name] = snapshot::find(given.name, given.library);
  const snapshot::Library to(given.folder);
  ORRERY_TRY(const snapshot::Manifest manifest, from.read(name));
  snapshot::TransferOptions options;
  options.name = given.called.empty() ? name : given.called;
  ORRERY_TRY(options.options, vmm::portable_options(manifest.options));
  ORRERY_TRY(options.read_only, read_only_disks(manifest));
  ORRERY_TRY(const auto made, snapshot::transfer(loop, from, manifest, to, options,
                                                 disk::make_progress("exporting")));
  return print(given, to, made);
}

Result<int> push(EventLoop& loop, const Given& given) {
  const auto [from, name] = snapshot::find(given.name, given.library);
  ORRERY_TRY(const snapshot::Manifest manifest, from.read(name));
  snapshot::PushOptions options;
  options.name = given.called.empty() ? name : given.called;
  options.tags = given.tags;
  ORRERY_TRY(options.options, vmm::portable_options(manifest.options));
  ORRERY_TRY(options.read_only, read_only_disks(manifest));
  ORRERY_TRY(const auto store, store::Store::create(store::host_files(given.folder)));
  ORRERY_CHECK(
      snapshot::push(loop, from, manifest, *store, options, disk::make_progress("adding")));
  fmt::print("store:{}/{}\n", given.folder, options.name);
  return 0;
}

// What comes from elsewhere does not say what is opened here.
Result<int> import_snapshot(EventLoop& loop, const Given& given) {
  const auto [from, name] = snapshot::find(given.folder + "/", "");
  const snapshot::Library to(given.library);
  ORRERY_TRY(const snapshot::Manifest manifest, from.read(name));
  snapshot::TransferOptions options;
  options.name = given.called.empty() ? name : given.called;
  ORRERY_TRY(options.options, vmm::portable_options(manifest.options));
  for (const snapshot::Disk& disk : manifest.disks) {
    if (disk.kept) continue;
    return fail(
        format("{}: its disk {} is not in the folder beside it; have it exported with "
               "`orrery snapshot export`",
               given.folder, disk.file));
  }
  ORRERY_TRY(const auto made, snapshot::transfer(loop, from, manifest, to, options,
                                                 disk::make_progress("importing")));
  return print(given, to, made);
}

void add_common(CLI::App& command, const std::shared_ptr<Given>& given) {
  add_library(command, given->library);
  command.add_option("--name", given->called, "how it is called there; if left away, as here");
  command.add_flag("--json", given->json, "print what it consists of for programs");
}

}  // namespace

void add_export(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "export", "put a snapshot into a folder, with all that other hosts need to go on from it");
  const auto given = std::make_shared<Given>();
  command->add_option("name", given->name, "the snapshot")->required();
  command->add_option("folder", given->folder, "where to; it may have others already")->required();
  add_common(*command, given);
  on_command(*command, status, [given](EventLoop& loop) { return export_snapshot(loop, *given); });
}

void add_push(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "push", "add a snapshot to an image store, from where any host goes on from it");
  const auto given = std::make_shared<Given>();
  command->add_option("name", given->name, "the snapshot")->required();
  command->add_option("store", given->folder, "the store's folder")->required();
  add_library(*command, given->library);
  command->add_option("--name", given->called, "how it is called there; if left away, as here");
  command->add_option("--tag", given->tags, "give its images a tag; repeatable");
  on_command(*command, status, [given](EventLoop& loop) { return push(loop, *given); });
}

void add_import(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("import", "verify a snapshot that was exported, and take it in");
  const auto given = std::make_shared<Given>();
  command
      ->add_option("folder", given->folder, "its folder: the one it was exported to, and its name")
      ->required();
  add_common(*command, given);
  on_command(*command, status, [given](EventLoop& loop) { return import_snapshot(loop, *given); });
}

}  // namespace orrery::cli::snapshot_commands
