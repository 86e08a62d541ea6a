#include "cluster/host/vm_options.hpp"

#include <algorithm>
#include <filesystem>

#include "base/format.hpp"
#include "vmm/options/options.hpp"

namespace orrery::cluster::host {
namespace {

namespace fs = std::filesystem;

// A store on this host, "store:DIR/NAME", is a file, too; one that is served is not.
constexpr std::string_view kStore = "store:";
constexpr std::string_view kServed = "store://";

std::vector<std::string> files_of(const vmm::Configuration& configuration) {
  std::vector<std::string> files{configuration.kernel, configuration.firmware,
                                 configuration.certificate};
  files.insert(files.end(), configuration.initrds.begin(), configuration.initrds.end());
  for (const storage::DiskOptions& disk : configuration.disks) {
    if (disk.path.starts_with(kServed)) {
      files.push_back(disk.cache.folder);
    } else {
      files.push_back(disk.path.starts_with(kStore) ? disk.path.substr(kStore.size()) : disk.path);
    }
    files.push_back(disk.overlay);
    if (disk.encryption) files.push_back(disk.encryption->path);
  }
  std::erase(files, "");
  return files;
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [in_folder, in_path] =
      std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return in_folder == folder.end();
}

}  // namespace

Result<vmm::Configuration> configuration_of(const VmOptions& options) {
  std::vector<vmm::Setting> settings;
  for (const auto& [name, values] : options) {
    const vmm::Option* const option = vmm::find_option(name);
    if (option == nullptr) return fail(format("`orrery run` has no option {}", name));
    for (const std::string& value : values) settings.push_back({option, value, name});
  }
  ORRERY_TRY(vmm::Configuration configuration, vmm::configure(settings, {}));
  if (configuration.kernel.empty() == configuration.firmware.empty()) {
    return fail("kernel or firmware: one of them is needed");
  }
  return configuration;
}

Result<> check_files(const vmm::Configuration& configuration,
                     const std::vector<std::string>& folders) {
  std::error_code error;
  for (const std::string& file : files_of(configuration)) {
    const fs::path path = fs::weakly_canonical(fs::path(folders.front()) / file, error);
    const bool allowed = !error && std::ranges::any_of(folders, [&](const std::string& folder) {
      return is_below(path, fs::canonical(folder, error));
    });
    if (allowed) continue;
    return fail(
        format("{}: is not in {}, nor in another folder that this host's agent lets "
               "virtual machines have (`orrery host --files`)",
               file, folders.front()));
  }
  return {};
}

}  // namespace orrery::cluster::host
