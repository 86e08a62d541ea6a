// `orrery disk convert`.
#include "base/units.hpp"
#include "cli/disk/disk.hpp"
#include "cli/disk/keys.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  storage::ConvertOptions options;
  std::string from_format;
  std::string to_format;
  std::string cluster_size;
  KeyGiven key;
  KeyGiven new_key;
  EncryptGiven encrypt;
};

Result<int> convert(EventLoop& loop, Given given) {
  ORRERY_TRY(given.options.from_format, format_of(given.from_format));
  ORRERY_TRY(given.options.to_format, format_of_new(given.options.to, given.to_format));
  ORRERY_TRY(given.options.cluster_size, cluster_size_of(given.cluster_size));
  given.options.from_encryption = given.key.source();
  ORRERY_TRY(given.options.encryption, given.encrypt.options(given.new_key));
  if (!given.options.encryption && given.new_key.source()) {
    return fail("a new key is for --encrypt luks2");
  }
  ORRERY_CHECK(storage::convert_disk(loop, given.options, make_progress("converting")));
  return 0;
}

}  // namespace

void add_convert(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("convert", "copy a disk, with all that lies below it, into a new one");
  const auto given = std::make_shared<Given>();
  command->add_option("from", given->options.from, "the disk")->required();
  command->add_option("to", given->options.to, "the new file")->required();
  command->add_option("--from-format", given->from_format, "if left away, what it looks like");
  command->add_option("--snapshot", given->options.snapshot, "of the disk, instead of itself");
  command->add_option("--to-format", given->to_format, std::string(kFormatOfNew));
  command->add_option("--cluster-size", given->cluster_size, std::string(kClusterSize));
  command->add_flag("--fixed", given->options.fixed,
                    "vhdx: every block has its place from the start");
  command->add_flag("--replace", given->options.replace, "the new file may be there already");
  given->key.add_to(*command, "", "the key of the disk, which is then decrypted");
  given->encrypt.add_to(*command);
  given->new_key.add_to(*command, "new-", "the key of the new disk");
  on_command(*command, status, [given](EventLoop& loop) { return convert(loop, *given); });
}

}  // namespace orrery::cli::disk
