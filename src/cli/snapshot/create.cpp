// `orrery snapshot create`.
#include "base/format.hpp"
#include "base/units.hpp"
#include "cli/snapshot/snapshot.hpp"
#include "storage/live_overlay.hpp"
#include "vmm/control/client.hpp"
#include "vmm/control/suspend.hpp"

namespace orrery::cli::snapshot_commands {
namespace {

using Json = nlohmann::json;

struct Given {
  std::string name;
  std::string vm;
  std::string library;
  bool json = false;
  bool end = false;
};

// A disk of the VM that is written, and what becomes of it.
struct ChangedDisk {
  std::string path;
  std::string file;     // in the library, from now on
  std::string overlay;  // which takes its place
  FileDescriptor opened;
};

Result<std::vector<ChangedDisk>> make_overlays(EventLoop& loop, const Json& status,
                                               const snapshot::Library& library,
                                               const snapshot::NewSnapshot& made) {
  std::vector<ChangedDisk> disks;
  for (const Json& each : status.at("disks")) {
    if (each.at("read_only").get<bool>()) continue;
    ChangedDisk disk;
    disk.path = each.at("path").get<std::string>();
    if (::access(disk.path.c_str(), F_OK) != 0) {
      return fail(disk.path +
                  ": the VM's disk has no name any more; start the VM with \"disks=FOLDER\" behind "
                  "its --snapshot, so that its disks stay");
    }
    disk.file = made.new_disk();
    disk.overlay = made.scratch(format("disk{}.qcow2", disks.size()));
    const Bytes size(each.at("bytes").get<std::uint64_t>());
    ORRERY_TRY(disk.opened, storage::create_overlay_file(loop, disk.overlay,
                                                         library.disk_path(disk.file), size));
    disks.push_back(std::move(disk));
  }
  return disks;
}

Result<snapshot::Manifest> begin(vmm::control::Client& vm, const std::string& name,
                                 const snapshot::NewSnapshot& made,
                                 std::vector<ChangedDisk>& disks) {
  Json request = {{"command", "snapshot-begin"}, {"name", name}, {"overlays", Json::array()}};
  std::vector<int> files{made.memory(), made.state()};
  for (const ChangedDisk& disk : disks) {
    request["overlays"].push_back(disk.overlay);
    files.push_back(disk.opened.get());
  }
  ORRERY_TRY(const Json begun, vm.ask(request, files));
  // They are the VM's now, and with them their locks.
  for (ChangedDisk& disk : disks) disk.opened.reset();
  return snapshot::from_json(begun.at("manifest"));
}

// One that is only read may be of a snapshot that came from another host.
void find_kept(const snapshot::Library& library, snapshot::Disk& disk) {
  const std::string folder = library.disk_path("");
  if (!disk.file.starts_with(folder)) return;
  disk.file = disk.file.substr(folder.size(), disk.file.find(',') - folder.size());
  disk.kept = true;
}

// The VM holds its disks until finish(), so here nothing is done that could wait.
Result<> change_disks(const snapshot::Library& library, const snapshot::NewSnapshot& made,
                      std::vector<ChangedDisk>& disks, snapshot::Manifest& manifest) {
  auto next = disks.begin();
  for (snapshot::Disk& disk : manifest.disks) {
    if (disk.read_only) {
      find_kept(library, disk);
      continue;
    }
    if (next == disks.end()) return fail("the VM has another disk than it had before");
    ORRERY_CHECK(made.change_disk(next->path, next->file, next->overlay));
    disk.file = next->file;
    ++next;
  }
  return {};
}

void print(const Given& given, const snapshot::Manifest& manifest, std::int64_t pause,
           std::uint64_t copied_pages) {
  if (given.json) {
    print_json({{"name", given.name},
                {"memory", manifest.memory().value()},
                {"pause_ns", pause},
                {"copied_pages", copied_pages}});
    return;
  }
  fmt::print("{}: {} of memory, {} disks; the VM {} {:.1f} ms\n", given.name,
             to_string(manifest.memory()), manifest.disks.size(),
             given.end ? "has ended; its state took" : "stood for",
             static_cast<double>(pause) / 1e6);
}

Result<int> create(EventLoop& loop, const Given& given) {
  const snapshot::Library library(given.library);
  if (given.end) {
    ORRERY_TRY(const auto done, vmm::control::suspend(given.vm, library, given.name));
    print(given, done.manifest, done.pause.count(), done.copied_pages);
    return 0;
  }
  ORRERY_TRY(auto vm, vmm::control::Client::connect(given.vm));
  ORRERY_TRY(auto made, snapshot::NewSnapshot::begin(library, given.name));
  ORRERY_TRY(const Json status, vm.ask({{"command", "status"}}));
  ORRERY_TRY(auto disks, make_overlays(loop, status, library, made));
  ORRERY_TRY(auto manifest, begin(vm, given.name, made, disks));
  const Result<> changed = change_disks(library, made, disks, manifest);
  const auto finished = vm.ask({{"command", "snapshot-finish"}});
  if (!changed) return fail(changed.error());
  if (!finished) return fail(finished.error());
  ORRERY_TRY(manifest, made.commit(std::move(manifest)));
  print(given, manifest, finished->value("pause_ns", std::int64_t{0}),
        finished->value("copied_pages", std::uint64_t{0}));
  return 0;
}

// What the VM answers is of the shape that this program expects, or else it is another's.
Result<int> create_from_vm(EventLoop& loop, const Given& given) {
  try {
    return create(loop, given);
  } catch (const Json::exception& error) {
    return fail(
        format("{}: the VM answers otherwise than expected ({}); use the program that "
               "runs it",
               given.vm, error.what()));
  }
}

}  // namespace

void add_create(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("create", "keep the state of a running VM: processors, memory, disks");
  const auto given = std::make_shared<Given>();
  command->add_option("name", given->name, "how it is called from now on")->required();
  command->add_option("--vm", given->vm, "the socket that the VM's --control names")->required();
  add_library(*command, given->library);
  command->add_flag("--end", given->end,
                    "the VM ends with it; it goes on from it with its own disks, once");
  command->add_flag("--json", given->json, "print what was done for programs");
  on_command(*command, status, [given](EventLoop& loop) { return create_from_vm(loop, *given); });
}

}  // namespace orrery::cli::snapshot_commands
