// From the options that a panel gives to what `orrery run` is given: a configuration file, with the
// agent's own additions, and only files that the agent lets VMs have.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "cluster/registry/vm.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::cluster::host {

// As the command line of `orrery run` would take them; an error says what is wrong.
Result<vmm::Configuration> configuration_of(const VmOptions& options);

// Whether all its files are in FOLDERS or below; relative ones are in the first. Links are
// followed: what counts is where they lead.
Result<> check_files(const vmm::Configuration& configuration,
                     const std::vector<std::string>& folders);

}  // namespace orrery::cluster::host
