// Where the parent of a differencing VHDX is: [MS-VHDX] 2.6.2.6.3. Private to storage/.
#pragma once

#include <string>

#include "base/error.hpp"
#include "storage/vhdx/metadata.hpp"

namespace orrery::storage::vhdx {

// CHILD's parent on this host: by its relative path, or else by the last part of any path beside
// the child, for absolute paths are those of Windows.
Result<std::string> find_parent(const std::string& child, const ParentLocator& locator);

// For the locator of CHILD: how PARENT is called from the child's folder.
std::string relative_path(const std::string& child, const std::string& parent);

}  // namespace orrery::storage::vhdx
