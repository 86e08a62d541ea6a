// How `orrery disk info` and `orrery disk lease` show who may write to a disk.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "storage/tools/disk_lease.hpp"

namespace orrery::cli::disk {

nlohmann::json lease_json(const storage::LeaseDescription& lease);
std::string lease_text(const storage::LeaseDescription& lease);

}  // namespace orrery::cli::disk
