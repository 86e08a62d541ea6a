// What every disk asks of a request before it looks at it. Private to storage/.
#pragma once

#include <string>

#include "base/error.hpp"
#include "port/blocks.hpp"

namespace orrery::storage {

// PATH: whose request it is, for the error.
Result<> check_request(const port::BlockRequest& request, const port::BlockGeometry& geometry,
                       const std::string& path);

}  // namespace orrery::storage
