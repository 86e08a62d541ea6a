// `orrery disk snapshot`: internal snapshots of a qcow2.
#include "base/format.hpp"
#include "base/units.hpp"
#include "cli/disk/disk.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  std::string path;
  bool json = false;
};

Result<int> list(EventLoop& loop, const Given& given) {
  ORRERY_TRY(const auto disk, storage::describe_disk(loop, given.path, std::nullopt));
  nlohmann::json values = nlohmann::json::array();
  for (const storage::SnapshotDescription& each : disk.snapshots) {
    if (!given.json) {
      fmt::print("{:<4} {:<24} {:>10} {} s\n", each.id, each.name, to_string(Bytes(each.size)),
                 each.seconds);
    }
    values.push_back({{"id", each.id},
                      {"name", each.name},
                      {"seconds", each.seconds},
                      {"size", each.size},
                      {"state_size", each.state_size}});
  }
  if (given.json) print_json(values);
  return 0;
}

}  // namespace

void add_snapshot(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("snapshot", "internal snapshots of a qcow2");
  command->require_subcommand(1);
  CLI::App* const listing = command->add_subcommand(
      "list",
      "list them: number, name, size, time in seconds since 1970; `convert --snapshot` "
      "and `run --disk ...,snapshot=NAME,readonly` read them");
  const auto given = std::make_shared<Given>();
  listing->add_option("file", given->path, "the disk")->required();
  listing->add_flag("--json", given->json, "for programs");
  on_command(*listing, status, [given](EventLoop& loop) { return list(loop, *given); });
}

}  // namespace orrery::cli::disk
