// Files that hold secrets: readable by their owner alone.
#pragma once

#include <string>

#include "base/error.hpp"

namespace orrery::cli {

// Never in place of another: whoever has it is who it says.
Result<> write_secret(const std::string& path, const std::string& text);

// What is in it, without the end of line.
Result<std::string> read_secret(const std::string& path);

}  // namespace orrery::cli
