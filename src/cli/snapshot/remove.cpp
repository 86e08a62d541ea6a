// `orrery snapshot delete`, `merge` and `revert`.
#include "base/format.hpp"
#include "cli/snapshot/snapshot.hpp"
#include "snapshot/removal.hpp"
#include "snapshot/revert.hpp"

namespace orrery::cli::snapshot_commands {
namespace {

struct Given {
  std::string name;
  std::string library;
  bool forget_missing = false;
  bool json = false;
};

int print_report(const Given& given, const snapshot::RemovalReport& report) {
  if (given.json) {
    nlohmann::json kept = nlohmann::json::array();
    for (const auto& disk : report.kept) {
      kept.push_back({{"file", disk.file}, {"because", disk.because}});
    }
    print_json({{"removed_disks", report.removed}, {"kept_disks", std::move(kept)}});
    return 0;
  }
  for (const std::string& file : report.removed) fmt::print("disk {}: gone\n", file);
  for (const auto& disk : report.kept) {
    fmt::print("disk {}: stays, as {}\n", disk.file, disk.because);
  }
  return 0;
}

snapshot::Missing missing(const Given& given) {
  return given.forget_missing ? snapshot::Missing::kForgotten : snapshot::Missing::kDepends;
}

Result<int> remove(EventLoop& loop, const Given& given) {
  ORRERY_TRY(const auto report, snapshot::remove_snapshot(loop, snapshot::Library(given.library),
                                                          given.name, missing(given)));
  return print_report(given, report);
}

Result<int> merge(EventLoop& loop, const Given& given) {
  ORRERY_TRY(const auto report,
             snapshot::merge_snapshot(loop, snapshot::Library(given.library), given.name,
                                      missing(given), disk::make_progress("merging")));
  return print_report(given, report);
}

Result<int> revert(EventLoop& loop, const Given& given) {
  ORRERY_TRY(const auto disks,
             snapshot::revert_disks(loop, snapshot::Library(given.library), given.name));
  for (const std::string& disk : disks) fmt::print("{}\n", disk);
  return 0;
}

std::shared_ptr<Given> add_common(CLI::App& command) {
  auto given = std::make_shared<Given>();
  command.add_option("name", given->name, "the snapshot")->required();
  add_library(command, given->library);
  return given;
}

std::shared_ptr<Given> add_removal(CLI::App& command) {
  auto given = add_common(command);
  command.add_flag("--forget-missing", given->forget_missing,
                   "disks that lay over the library's and are not where they were count as gone");
  command.add_flag("--json", given->json, "print what was done for programs");
  return given;
}

}  // namespace

void add_delete(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("delete", "remove a snapshot, and disks that nobody needs any more");
  const auto given = add_removal(*command);
  on_command(*command, status, [given](EventLoop& loop) { return remove(loop, *given); });
}

void add_merge(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "merge", "remove a snapshot, and put its disks into those that lie over them");
  const auto given = add_removal(*command);
  on_command(*command, status, [given](EventLoop& loop) { return merge(loop, *given); });
}

void add_revert(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "revert", "make the disks of a VM what they were; what was written since is lost");
  const auto given = add_common(*command);
  on_command(*command, status, [given](EventLoop& loop) { return revert(loop, *given); });
}

}  // namespace orrery::cli::snapshot_commands
