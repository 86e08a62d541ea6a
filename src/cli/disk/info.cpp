// `orrery disk info`.
#include "base/format.hpp"
#include "base/units.hpp"
#include "cli/disk/disk.hpp"
#include "cli/disk/lease.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  std::string path;
  std::string format;
  bool json = false;
};

nlohmann::json to_json(const storage::EncryptionDescription& encryption) {
  nlohmann::json value{{"version", encryption.version}};
  if (!encryption.problem.empty()) {
    value["problem"] = encryption.problem;
    return value;
  }
  value["uuid"] = encryption.uuid;
  value["label"] = encryption.label;
  value["cipher"] = encryption.cipher;
  value["sector_size"] = encryption.sector_size;
  value["size"] = encryption.size;
  value["allow_discards"] = encryption.allow_discards;
  value["keyslots"] = nlohmann::json::array();
  for (const storage::KeyslotDescription& slot : encryption.keyslots) {
    value["keyslots"].push_back({{"number", slot.number},
                                 {"derivation", slot.derivation},
                                 {"unsupported", slot.unsupported}});
  }
  return value;
}

nlohmann::json to_json(const std::string& path, const storage::DiskDescription& disk) {
  nlohmann::json value{{"file", path},
                       {"format", storage::name_of(disk.format)},
                       {"size", disk.size.value()},
                       {"file_size", disk.file_size.value()},
                       {"on_host", disk.on_host.value()}};
  if (disk.encryption) value["encryption"] = to_json(*disk.encryption);
  if (disk.format == storage::Format::kRaw) return value;
  value["cluster_size"] = disk.cluster_size;
  value["dirty"] = disk.dirty;
  if (!disk.backing.empty()) value["backing"] = disk.backing;
  if (!disk.backing_format.empty()) value["backing_format"] = disk.backing_format;
  if (!disk.identity.empty()) value["identity"] = disk.identity;
  if (!disk.parent_identity.empty()) value["parent_identity"] = disk.parent_identity;
  if (!disk.content_root.empty()) value["content_root"] = disk.content_root;
  if (!disk.parent_root.empty()) value["parent_root"] = disk.parent_root;
  if (disk.format != storage::Format::kQcow2) {
    value["kind"] = disk.kind;
    value["sector_size"] = disk.sector_size;
    return value;
  }
  value["version"] = disk.version;
  value["compression"] = disk.compression;
  value["corrupt"] = disk.corrupt;
  value["subclusters"] = disk.subclusters;
  value["lazy_refcounts"] = disk.lazy_refcounts;
  value["snapshots"] = nlohmann::json::array();
  for (const storage::SnapshotDescription& each : disk.snapshots) {
    value["snapshots"].push_back(
        {{"id", each.id}, {"name", each.name}, {"seconds", each.seconds}, {"size", each.size}});
  }
  return value;
}

void line(std::string_view what, const std::string& value) {
  fmt::print("{:<14} {}\n", what, value);
}

void print(const storage::EncryptionDescription& encryption) {
  if (!encryption.problem.empty()) return line("encrypted", encryption.problem);
  line("encrypted", format("{}, {}, sectors of {} bytes, {}", encryption.version, encryption.cipher,
                           encryption.sector_size, encryption.uuid));
  if (!encryption.label.empty()) line("label", encryption.label);
  line("disk in it", format("{} ({} bytes)", to_string(Bytes(encryption.size)), encryption.size));
  if (encryption.allow_discards) line("discards", "are passed on");
  for (const storage::KeyslotDescription& slot : encryption.keyslots) {
    line(format("key slot {}", slot.number),
         slot.unsupported.empty() ? slot.derivation
                                  : slot.unsupported + ", which Orrery does not know");
  }
}

void print(const std::string& path, const storage::DiskDescription& disk) {
  line("file", path);
  line("format", std::string(storage::name_of(disk.format)));
  line("size", format("{} ({} bytes)", to_string(disk.size), disk.size.value()));
  line("on the host", to_string(disk.on_host));
  if (disk.encryption) print(*disk.encryption);
  if (disk.format == storage::Format::kRaw) return;
  if (disk.format == storage::Format::kQcow2) {
    line("version", std::to_string(disk.version));
    line("compression", disk.compression);
  } else {
    line("kind", format("{}, sectors of {} bytes", disk.kind, disk.sector_size));
  }
  if (disk.cluster_size != 0) {
    line("clusters",
         to_string(Bytes(disk.cluster_size)) + (disk.subclusters ? ", with subclusters" : ""));
  }
  if (!disk.identity.empty()) line("content", disk.identity);
  if (!disk.backing.empty()) {
    line("backing file",
         disk.backing + (disk.backing_format.empty() ? " (does not say its format)"
                                                     : " (" + disk.backing_format + ")"));
  }
  if (!disk.parent_identity.empty()) line("over content", disk.parent_identity);
  if (!disk.content_root.empty()) line("sealed", disk.content_root);
  if (!disk.parent_root.empty()) line("over sealed", disk.parent_root);
  if (disk.dirty) line("state", "was not closed; it is mended when it is opened for writing");
  if (disk.corrupt) line("state", "marked as damaged; see `orrery disk check`");
  for (const storage::SnapshotDescription& each : disk.snapshots) line("snapshot", each.name);
}

}  // namespace

void add_info(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("info", "tell what a disk is");
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->path, "the disk")->required();
  command->add_option("--format", given->format, std::string(kFormatOfOld));
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop& loop) -> Result<int> {
    ORRERY_TRY(const auto format, format_of(given->format));
    ORRERY_TRY(const auto disk, storage::describe_disk(loop, given->path, format));
    ORRERY_TRY(const auto lease, storage::describe_lease(given->path));
    if (given->json) {
      nlohmann::json value = to_json(given->path, disk);
      if (lease) value["lease"] = lease_json(*lease);
      print_json(value);
    } else {
      print(given->path, disk);
      if (lease) line("lease", lease_text(*lease));
    }
    return 0;
  });
}

}  // namespace orrery::cli::disk
