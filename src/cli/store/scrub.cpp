// `orrery store scrub` and `orrery store verify`.
#include "cli/store/store.hpp"

namespace orrery::cli::store_commands {
namespace {

struct Given {
  std::string folder;
  std::string name;
  bool json = false;
};

}  // namespace

void add_scrub(CLI::App& group, int& status) {
  CLI::App* const command =
      group.add_subcommand("scrub", "read all, and name what is damaged; exits with 2 if any is");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop&) -> Result<int> {
    ORRERY_TRY(const auto opened, open_store(given->folder));
    ORRERY_TRY(const auto report, store::scrub(*opened, make_progress("scrubbing")));
    return print_scrub(report, given->json);
  });
}

void add_verify(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "verify", "read the packs of one image, and name what is damaged; exits with 2 if any is");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder")->required();
  command->add_option("image", given->name, "its name")->required();
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop&) -> Result<int> {
    ORRERY_CHECK(store::check_name(given->name));
    ORRERY_TRY(const auto opened, open_store(given->folder));
    ORRERY_TRY(const auto report, store::verify(*opened, given->name, make_progress("verifying")));
    return print_scrub(report, given->json);
  });
}

}  // namespace orrery::cli::store_commands
