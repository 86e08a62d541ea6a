// `orrery disk create`.
#include "base/units.hpp"
#include "cli/disk/disk.hpp"
#include "cli/disk/keys.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  storage::CreateOptions options;
  std::string size;
  std::string format;
  std::string cluster_size;
  std::string backing_format;
  KeyGiven key;
  EncryptGiven encrypt;
};

Result<int> create(EventLoop& loop, Given given) {
  ORRERY_TRY(given.options.format, format_of_new(given.options.path, given.format));
  ORRERY_TRY(given.options.backing_format, format_of(given.backing_format));
  ORRERY_TRY(given.options.cluster_size, cluster_size_of(given.cluster_size));
  if (!given.size.empty()) {
    ORRERY_TRY(given.options.size, parse_bytes(given.size));
  }
  ORRERY_TRY(given.options.encryption, given.encrypt.options(given.key));
  if (!given.options.encryption && given.key.source()) return fail("a key is for --encrypt luks2");
  ORRERY_CHECK(storage::create_disk(loop, given.options));
  return 0;
}

}  // namespace

void add_create(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand("create", "make a new, empty disk");
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->options.path, "the new file")->required();
  command->add_option("size", given->size, "such as 8G; with --backing: that disk's, if left away");
  command->add_option("--format", given->format, std::string(kFormatOfNew));
  command->add_option("--cluster-size", given->cluster_size, std::string(kClusterSize));
  command->add_flag("--fixed", given->options.fixed,
                    "vhdx: every block has its place from the start");
  command->add_option("--backing", given->options.backing,
                      "qcow2, vhdx: the disk that shows through, relative to the new file");
  command->add_option("--sector-size", given->options.sector_size, "vhdx: 512 or 4096");
  command->add_option("--backing-format", given->backing_format,
                      "what that is; if left away, what it looks like");
  given->encrypt.add_to(*command);
  given->key.add_to(*command, "", "the key of an encrypted disk");
  on_command(*command, status, [given](EventLoop& loop) { return create(loop, *given); });
}

}  // namespace orrery::cli::disk
