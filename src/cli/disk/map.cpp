// `orrery disk map`.
#include "base/format.hpp"
#include "cli/disk/disk.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  std::string path;
  std::string format;
  bool json = false;
};

std::string_view kind_of(const port::BlockExtent& extent) {
  if (extent.zeroes) return "zeroes";
  return extent.allocated ? "data" : "below";
}

void print_extents(const std::vector<storage::MappedExtent>& extents) {
  fmt::print("{:>18} {:>18} {:<7} {:>18}\n", "offset", "length", "", "in the file");
  for (const auto& [offset, extent] : extents) {
    const std::string host = extent.host_offset ? format("{:#x}", *extent.host_offset) : "-";
    fmt::print("{:>#18x} {:>#18x} {:<7} {:>18}\n", offset, extent.length, kind_of(extent), host);
  }
}

nlohmann::json to_json(const std::vector<storage::MappedExtent>& extents) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [offset, extent] : extents) {
    nlohmann::json value{{"offset", offset}, {"length", extent.length}, {"kind", kind_of(extent)}};
    if (extent.host_offset) value["host_offset"] = *extent.host_offset;
    list.push_back(std::move(value));
  }
  return list;
}

}  // namespace

void add_map(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "map", "list what a disk holds itself, what is zeroes, and what lies below");
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->path, "the disk")->required();
  command->add_option("--format", given->format, std::string(kFormatOfOld));
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop& loop) -> Result<int> {
    ORRERY_TRY(const auto format, format_of(given->format));
    ORRERY_TRY(const auto extents, storage::map_disk(loop, given->path, format));
    if (given->json) {
      print_json(to_json(extents));
    } else {
      print_extents(extents);
    }
    return 0;
  });
}

}  // namespace orrery::cli::disk
