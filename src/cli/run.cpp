// `orrery run`: one virtual machine, from the options of vmm/options.hpp.
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "base/log.hpp"
#include "cli/commands.hpp"
#include "vmm/options/configuration_file.hpp"
#include "vmm/options/options.hpp"
#include "vmm/snapshot/snapshot_options.hpp"
#include "vmm/vmm.hpp"

namespace orrery::cli {
namespace {

// What the command line gave, by option.
struct Given {
  std::vector<std::vector<std::string>> texts{vmm::options().size()};
  std::string config;
  std::string end;
  bool dry_run = false;
};

std::string dashed(std::string_view name) {
  return "--" + std::string(name);
}

void add_option(CLI::App& command, const vmm::Option& option, std::vector<std::string>& texts) {
  const std::string name = dashed(option.name);
  const std::string help(option.help);
  if (option.kind == vmm::OptionKind::kFlag) {
    command.add_flag_callback(
        name, [&texts] { texts = {"true"}; }, help);
    return;
  }
  CLI::Option* const added = command.add_option(name, texts, help);
  added->type_name(std::string(option.value_name))->allow_extra_args(false);
  if (option.kind == vmm::OptionKind::kValue) added->expected(1)->take_last();
}

std::vector<vmm::Setting> settings_of(const Given& given) {
  std::vector<vmm::Setting> settings;
  for (std::size_t i = 0; i < given.texts.size(); ++i) {
    const vmm::Option& option = vmm::options()[i];
    for (const std::string& text : given.texts[i]) {
      settings.push_back({&option, text, dashed(option.name)});
    }
  }
  return settings;
}

Result<int> run_given(const Given& given) {
  std::vector<vmm::Setting> from_file;
  if (!given.config.empty()) {
    auto settings = vmm::read_configuration_file(given.config);
    if (!settings) return fail(settings.error().context(dashed(kConfigOption.name)));
    from_file = std::move(*settings);
  }
  const std::vector<vmm::Setting> from_command_line = settings_of(given);
  ORRERY_TRY(auto from_snapshot, vmm::settings_of_snapshot(from_command_line));
  if (!from_snapshot.empty() && !given.config.empty()) {
    return fail("--config: a snapshot says what its VM is; give --snapshot without it");
  }
  if (!from_snapshot.empty()) from_file = std::move(from_snapshot);
  ORRERY_TRY(const vmm::Configuration configuration, vmm::configure(from_file, from_command_line));
  if (configuration.verbose) log::set_level(log::Level::kInfo);
  if (!configuration.kernel.empty() && !configuration.firmware.empty()) {
    return fail("--firmware: given together with --kernel; give one of them");
  }
  const bool boots = configuration.snapshot.name.empty();
  if (boots && configuration.kernel.empty() && configuration.firmware.empty()) {
    return fail(
        "--kernel: no kernel is given; name a bzImage, such as --kernel build/guests/vmlinuz");
  }
  if (!given.dry_run) return vmm::run(configuration);
  ORRERY_CHECK(vmm::dry_run(configuration));
  return 0;
}

// What a process ended with is its parent's to know; this is for others.
Result<int> run(const Given& given) {
  if (given.end.empty()) return run_given(given);
  constexpr mode_t kOwnerOnly = 0600;
  const FileDescriptor file(
      ::open(given.end.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly));
  if (!file) return fail_errno(dashed(kEndOption.name) + " " + given.end);
  const Result<int> status = run_given(given);
  const std::string text =
      format("{{\"status\": {}}}\n", status.value_or(vmm::exit_status::kHostError));
  if (::write(file.get(), text.data(), text.size()) < 0) {
    log::warning("{}: {}", given.end, Error::from_errno("cannot be written").message());
  }
  return status;
}

}  // namespace

void add_run(CLI::App& application, int& status) {
  CLI::App* const command = application.add_subcommand("run", std::string(help_of("run")));
  const auto given = std::make_shared<Given>();
  for (std::size_t i = 0; i < vmm::options().size(); ++i) {
    add_option(*command, vmm::options()[i], given->texts[i]);
  }
  command->add_option(dashed(kConfigOption.name), given->config, std::string(kConfigOption.help))
      ->type_name(std::string(kConfigOption.value_name));
  command->add_option(dashed(kEndOption.name), given->end, std::string(kEndOption.help))
      ->type_name(std::string(kEndOption.value_name));
  command->add_flag(dashed(kDryRunOption.name), given->dry_run, std::string(kDryRunOption.help));
  command->callback([given, &status] {
    const Result<int> result = run(*given);
    if (!result) fmt::print(stderr, "orrery run: {}\n", result.error().message());
    status = result.value_or(vmm::exit_status::kHostError);
  });
}

}  // namespace orrery::cli
