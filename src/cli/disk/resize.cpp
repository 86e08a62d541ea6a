// `orrery disk resize`.
#include "base/units.hpp"
#include "cli/disk/disk.hpp"
#include "cli/disk/keys.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  std::string path;
  std::string size;
  std::string format;
  bool shrink = false;
  KeyGiven key;
};

Result<int> resize(EventLoop& loop, const Given& given) {
  ORRERY_TRY(const auto format, format_of(given.format));
  ORRERY_TRY(const Bytes size, parse_bytes(given.size));
  const auto shrink = given.shrink ? storage::Shrink::kAllow : storage::Shrink::kRefuse;
  ORRERY_CHECK(storage::resize_disk(loop, given.path, format, size, shrink, given.key.source()));
  return 0;
}

}  // namespace

void add_resize(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("resize", "give a disk another size");
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->path, "the disk")->required();
  command->add_option("size", given->size, "the new size, such as 16G")->required();
  command->add_option("--format", given->format, std::string(kFormatOfOld));
  command->add_flag("--shrink", given->shrink, "it may become smaller: what is cut off is lost");
  given->key.add_to(*command, "", "its key: the size is that of the disk which is encrypted");
  on_command(*command, status, [given](EventLoop& loop) { return resize(loop, *given); });
}

}  // namespace orrery::cli::disk
