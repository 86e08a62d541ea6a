// `orrery disk rebase`.
#include "cli/disk/disk.hpp"

namespace orrery::cli::disk {
namespace {

struct Given {
  storage::RebaseOptions options;
  std::string backing_format;
  bool verify = false;
  bool unchecked = false;
};

Result<int> rebase(EventLoop& loop, Given given) {
  using Mode = storage::RebaseOptions::Mode;
  if (given.verify && given.unchecked)
    return fail("--verify and --unchecked contradict each other");
  ORRERY_TRY(given.options.backing_format, format_of(given.backing_format));
  if (given.verify) given.options.mode = Mode::kVerify;
  if (given.unchecked) given.options.mode = Mode::kUnchecked;
  ORRERY_CHECK(storage::rebase_disk(loop, given.options, make_progress("comparing")));
  return 0;
}

}  // namespace

void add_rebase(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "rebase", "give a qcow2 another backing file, or none; the disk reads as before");
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->options.path, "the disk")->required();
  command->add_option("--backing", given->options.backing,
                      "the new one, relative to the disk; if left away: none");
  command->add_option("--backing-format", given->backing_format,
                      "what that is; if left away, what it looks like");
  command->add_flag("--verify", given->verify, "only if nothing reads differently; copy nothing");
  command->add_flag("--unchecked", given->unchecked,
                    "only change the name: for a backing file that was moved");
  on_command(*command, status, [given](EventLoop& loop) { return rebase(loop, *given); });
}

}  // namespace orrery::cli::disk
