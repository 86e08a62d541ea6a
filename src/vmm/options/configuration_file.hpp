// A VM's configuration in a TOML file: the options of `orrery run` by their names, without dashes.
//
//   kernel = "vmlinuz"
//   memory = "1G"
//   cpus = 2
//   disk = ["root.img", "data.img,readonly"]
//   no-reboot = true
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "vmm/options/options.hpp"

namespace orrery::vmm {

// Errors name the file, and the line where there is one.
Result<std::vector<Setting>> read_configuration_file(const std::string& path);

// The same for text that is already there; NAME is for errors.
Result<std::vector<Setting>> parse_configuration(std::string_view text, const std::string& name);

}  // namespace orrery::vmm
