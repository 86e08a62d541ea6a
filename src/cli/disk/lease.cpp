// `orrery disk lease`.
#include "cli/disk/lease.hpp"

#include "base/format.hpp"
#include "cli/disk/disk.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  std::string path;
  bool breaks = false;
  bool json = false;
};

Result<int> show(const Given& given) {
  auto described = storage::describe_lease(given.path);
  if (!described) return fail(described.error().context(given.path));
  const auto& lease = *described;
  if (given.json) {
    print_json({{"file", given.path}, {"lease", lease ? lease_json(*lease) : nullptr}});
  } else if (lease) {
    fmt::print("{}: {}\n", given.path, lease_text(*lease));
  } else {
    fmt::print("{0}: has no leases; --disk {0},lease makes them\n", given.path);
  }
  return 0;
}

Result<int> run(const Given& given) {
  if (!given.breaks) return show(given);
  ORRERY_TRY(const auto lease, storage::describe_lease(given.path));
  ORRERY_CHECK(storage::break_disk_lease(given.path));
  if (lease && lease->held) {
    fmt::print(stderr,
               "{}: is free for the next one now. It was held by {}: if that still runs, both may "
               "write for {} s, which destroys the disk\n",
               given.path, lease->text, lease->seconds / 6 + 1);
  }
  return 0;
}

}  // namespace

nlohmann::json lease_json(const storage::LeaseDescription& lease) {
  return {{"held", lease.held},
          {"token", lease.token},
          {"seconds", lease.seconds},
          {"host", lease.host},
          {"process", lease.process}};
}

std::string lease_text(const storage::LeaseDescription& lease) {
  if (!lease.held) return lease.token == 0 ? "free" : "free; last " + lease.text;
  return format("held by {}; for {} s from its last renewal", lease.text, lease.seconds);
}

void add_lease(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("lease", "show which host may write to a disk that several see");
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->path, "the disk")->required();
  command->add_flag("--break", given->breaks,
                    "do not wait for who has it: ONLY where you know that its host is off or its "
                    "VM has ended, for two that write destroy the disk");
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop&) { return run(*given); });
}

}  // namespace orrery::cli::disk
