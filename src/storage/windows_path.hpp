// How VHD and VHDX name a parent: with paths of Windows. Private to storage/.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace orrery::storage {

// CHILD's parent on this host, by the first of PATHS that leads to a file: a relative one from the
// child's folder, or else the last part of it, or of an absolute one, beside the child.
Result<std::string> find_parent(const std::string& child, const std::vector<std::string>& paths);

// How PARENT is called from the folder of CHILD.
std::string relative_windows_path(const std::string& child, const std::string& parent);

}  // namespace orrery::storage
