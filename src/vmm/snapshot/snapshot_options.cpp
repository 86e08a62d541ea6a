#include "vmm/snapshot/snapshot_options.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/loop/event_loop.hpp"
#include "snapshot/library.hpp"
#include "snapshot/stored.hpp"
#include "storage/disk_image.hpp"
#include "storage/store/store_disk.hpp"
#include "vmm/options/option_values.hpp"

namespace orrery::vmm {
namespace {

bool is_decided(const Option& option) {
  return option.in_snapshot == InSnapshot::kMachine || option.in_snapshot == InSnapshot::kFile ||
         option.in_snapshot == InSnapshot::kDisk;
}

bool is_kept(const Option& option) {
  return option.in_snapshot != InSnapshot::kNever && option.in_snapshot != InSnapshot::kDisk;
}

Result<const Option*> find_kept_option(const std::string& name) {
  const Option* const option = find_option(name);
  if (option != nullptr && is_kept(*option)) return option;
  return fail(
      format("it has the option \"{}\", which this program does not know; use the program "
             "that made it",
             name));
}

bool leads_to_host(const ConsoleOptions& console) {
  return console.kind == ConsoleOptions::Kind::kSocket ||
         console.kind == ConsoleOptions::Kind::kFile;
}

Result<std::string> portable_console(std::string_view text) {
  ORRERY_TRY(ConsoleOptions console, parse_console(text));
  if (leads_to_host(console)) console = {.kind = ConsoleOptions::Kind::kPty, .target = {}};
  return to_string(console);
}

Result<std::string> portable_virtio_console(std::string_view text) {
  ORRERY_TRY(VirtioConsoleOptions port, parse_virtio_console(text));
  if (leads_to_host(port.console)) {
    port.console = {.kind = ConsoleOptions::Kind::kPty, .target = {}};
  }
  return to_string(port);
}

Result<std::string> portable_network(std::string_view text) {
  ORRERY_TRY(const NetworkOptions network, parse_network(text));
  network::UserNetworkOptions user;
  if (const auto* const before = std::get_if<network::UserNetworkOptions>(&network)) {
    user.mtu = before->mtu;
  }
  return to_string(NetworkOptions(user));
}

Result<std::string> portable_connection(std::string_view name, std::string_view text) {
  if (name == "net") return portable_network(text);
  if (name == "virtio-console") return portable_virtio_console(text);
  if (name == "console" || name == "input") return portable_console(text);
  return fail(format("--{} {}: is on another host, where nobody else can use it", name, text));
}

// One from a store may be anybody's.
Result<std::vector<snapshot::Option>> read_options(const SnapshotOptions& options) {
  if (storage::names_store_image(options.name)) {
    ORRERY_TRY(const auto loop, EventLoop::create());
    ORRERY_TRY(const auto bundle, snapshot::read_stored(*loop, options.name));
    return portable_options(bundle.manifest.options);
  }
  const auto [library, name] = snapshot::find(options.name, options.library);
  ORRERY_TRY(const auto manifest, library.read(name));
  return manifest.options;
}

}  // namespace

std::vector<snapshot::Option> snapshot_options(const Configuration& configuration) {
  std::vector<snapshot::Option> kept;
  for (const Option& option : options()) {
    if (!is_kept(option)) continue;
    const bool is_file = option.in_snapshot == InSnapshot::kFile;
    for (const std::string& value : option.show(configuration)) {
      kept.push_back({std::string(option.name), is_file ? storage::absolute_path(value) : value});
    }
  }
  return kept;
}

std::string name_for_snapshots(const storage::DiskOptions& disk) {
  if (!disk.overlay.empty()) return storage::absolute_path(disk.overlay);
  if (!disk.read_only) return storage::absolute_path(disk.path);
  return option_for_snapshots(disk);
}

std::string option_for_snapshots(const storage::DiskOptions& disk) {
  storage::DiskOptions named = disk;
  named.path = storage::absolute_path(disk.path);
  if (!disk.overlay.empty()) named.overlay = storage::absolute_path(disk.overlay);
  if (disk.encryption && !disk.encryption->path.empty()) {
    named.encryption->path = storage::absolute_path(disk.encryption->path);
  }
  return to_string(named);
}

Result<std::vector<Setting>> settings_of_snapshot(std::span<const Setting> from_command_line) {
  const auto given =
      std::find_if(from_command_line.begin(), from_command_line.end(),
                   [](const Setting& each) { return each.option->name == "snapshot"; });
  if (given == from_command_line.end()) return std::vector<Setting>();
  for (const Setting& each : from_command_line) {
    if (!is_decided(*each.option)) continue;
    return fail(format("{}: the snapshot says what its machine has; leave it away", each.origin));
  }
  auto options = parse_snapshot(given->value);
  if (!options) return fail(options.error().context("--snapshot"));
  const auto kept = read_options(*options);
  if (!kept) return fail(kept.error().context("--snapshot"));
  std::vector<Setting> settings;
  for (const snapshot::Option& each : *kept) {
    const auto option = find_kept_option(each.name);
    if (!option) return fail(option.error().context("--snapshot"));
    settings.push_back({*option, each.value, format("snapshot {}: {}", options->name, each.name)});
  }
  return settings;
}

Result<std::vector<snapshot::Option>> portable_options(std::span<const snapshot::Option> options) {
  std::vector<snapshot::Option> portable;
  for (const snapshot::Option& each : options) {
    ORRERY_TRY(const Option* const option, find_kept_option(each.name));
    if (option->in_snapshot == InSnapshot::kFile) continue;
    std::string value = each.value;
    if (option->in_snapshot == InSnapshot::kConnection) {
      ORRERY_TRY(value, portable_connection(each.name, each.value));
    }
    portable.push_back({each.name, std::move(value)});
  }
  return portable;
}

}  // namespace orrery::vmm
