#include "vmm/snapshot_start.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"
#include "snapshot/memory_file.hpp"
#include "storage/gated_disk.hpp"
#include "storage/store/store_disk.hpp"
#include "storage/tools/disk_tools.hpp"
#include "vmm/option_values.hpp"

namespace orrery::vmm {
namespace {

// About one run, not about the machine; the disks have a place of their own.
constexpr std::array<std::string_view, 8> kNotKept{
    "control", "disk", "engine-stats", "gdb", "lockstep", "sandbox", "snapshot", "verbose"};
// What the machine is can not be changed while it runs.
constexpr std::array<std::string_view, 9> kDecided{
    "append", "cpus", "debug-exit", "disk", "initrd", "irqchip", "kernel", "memory", "firmware"};
constexpr std::array<std::string_view, 3> kPaths{"kernel", "initrd", "firmware"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal();
}

}  // namespace

std::vector<snapshot::Option> snapshot_options(const Configuration& configuration) {
  std::vector<snapshot::Option> kept;
  for (const Option& option : options()) {
    if (contains(kNotKept, option.name)) continue;
    for (const std::string& value : option.show(configuration)) {
      kept.push_back(
          {std::string(option.name), contains(kPaths, option.name) ? absolute(value) : value});
    }
  }
  return kept;
}

std::string name_for_snapshots(const storage::DiskOptions& disk) {
  if (!disk.overlay.empty()) return absolute(disk.overlay);
  if (!disk.read_only) return absolute(disk.path);
  storage::DiskOptions named = disk;
  if (!storage::names_store_image(disk.path)) named.path = absolute(disk.path);
  return to_string(named);
}

Result<std::vector<Setting>> settings_of_snapshot(std::span<const Setting> from_command_line) {
  const auto named = [&](std::string_view name) {
    return std::find_if(from_command_line.begin(), from_command_line.end(),
                        [&](const Setting& each) { return each.option->name == name; });
  };
  const auto given = named("snapshot");
  if (given == from_command_line.end()) return std::vector<Setting>();
  for (const std::string_view each : kDecided) {
    if (named(each) == from_command_line.end()) continue;
    return fail(format("--{}: the snapshot says what its machine has; leave it away", each));
  }
  auto options = parse_snapshot(given->value);
  if (!options) return fail(options.error().context("--snapshot"));
  const auto [library, name] = snapshot::find(options->name, options->library);
  auto manifest = library.read(name);
  if (!manifest) return fail(manifest.error().context("--snapshot"));
  std::vector<Setting> settings;
  for (const snapshot::Option& each : manifest->options) {
    const Option* const option = find_option(each.name);
    if (option == nullptr) {
      return fail(
          format("--snapshot: it has the option \"{}\", which this program does not know; "
                 "use the program that made it",
                 each.name));
    }
    settings.push_back({option, each.value, format("snapshot {}: {}", name, each.name)});
  }
  return settings;
}

Result<SnapshotStart> SnapshotStart::open(EventLoop& loop, const SnapshotOptions& options) {
  auto [library, name] = snapshot::find(options.name, options.library);
  ORRERY_TRY(auto lock, library.lock(snapshot::Library::Use::kShared));
  ORRERY_TRY(auto manifest, library.read(name));
  SnapshotStart start(std::move(library), std::move(manifest));
  start.lock_ = std::move(lock);
  ORRERY_TRY(start.state_, start.library_.read_state(start.manifest_));
  ORRERY_TRY(start.memory_, start.library_.open_memory(start.manifest_));
  ORRERY_CHECK(start.choose_disks(loop, options));
  return start;
}

SnapshotStart::~SnapshotStart() {
  if (passing_folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(passing_folder_, ignored);
}

Result<> SnapshotStart::choose_disks(EventLoop& loop, const SnapshotOptions& options) {
  std::string folder = options.disks;
  if (folder.empty()) {
    folder = library_.folder() + "/.run-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return fail_errno(folder + ": cannot be made");
    passing_folder_ = folder;
  } else {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return fail(Error::from_errno(folder + ": cannot be made", error.value()));
  }
  for (std::size_t i = 0; i < manifest_.disks.size(); ++i) {
    const snapshot::Disk& saved = manifest_.disks[i];
    if (saved.read_only) {
      ORRERY_TRY(auto disk, parse_disk(saved.file));
      disks_.push_back(std::move(disk));
      continue;
    }
    storage::DiskOptions disk;
    disk.path = library_.disk_path(saved.file);
    disk.format = storage::Format::kQcow2;
    disk.overlay = format("{}/disk{}.qcow2", folder, i);
    disk.serial = saved.serial;
    if (::access(disk.overlay.c_str(), F_OK) == 0) {
      return fail(disk.overlay +
                  ": is there already, of another run; name another folder with \"disks=\"");
    }
    ORRERY_TRY(const auto found, storage::describe_disk(loop, disk.path, disk.format));
    if (found.identity != saved.identity) {
      return fail(
          format("{}: is not the disk that the snapshot was made with: its content is {}, "
                 "and {} was expected; bring the old file back",
                 disk.path, found.identity, saved.identity));
    }
    if (passing_folder_.empty()) {
      ORRERY_CHECK(library_.note_head(saved.file, absolute(disk.overlay)));
    }
    disks_.push_back(std::move(disk));
  }
  return {};
}

Result<> SnapshotStart::check_disks(std::span<const std::unique_ptr<port::Blocks>> disks) {
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const snapshot::Disk& saved = manifest_.disks[i];
    if (!saved.read_only || saved.identity.empty()) continue;
    auto* const gated = dynamic_cast<storage::GatedDisk*>(disks[i].get());
    ORRERY_TRY(const auto identity,
               storage::identity_of(gated ? gated->disk() : *disks[i], disks_[i].path));
    if (storage::describe(identity) == saved.identity) continue;
    return fail(
        format("{}: is not what it was when the snapshot was made: it is {}, and {} was "
               "expected; bring the old file back",
               disks_[i].path, storage::describe(identity), saved.identity));
  }
  lock_.reset();
  if (passing_folder_.empty()) return {};
  std::error_code error;
  std::filesystem::remove_all(passing_folder_, error);
  if (error) return fail(Error::from_errno(passing_folder_, error.value()));
  passing_folder_.clear();
  return {};
}

Result<> SnapshotStart::restore(machine::Machine& machine) const {
  const std::string what = "snapshot " + manifest_.name;
  if (snapshot::regions_of(machine.memory()) != manifest_.regions) {
    return fail(what +
                ": its memory is not laid out as this machine's is; use the program that "
                "made it");
  }
  auto mapped = machine.memory().map_file(memory_.get());
  if (!mapped) return fail(mapped.error().context(what));
  const auto state = device::State::from_cbor(state_, true, false);
  if (state.is_discarded()) return fail(what + ": its state is no CBOR");
  const Result<> restored = machine.restore(state);
  if (!restored) return fail(restored.error().context(what));
  return {};
}

}  // namespace orrery::vmm
