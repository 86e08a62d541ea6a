// What assemble.py makes of the test files: one image of code, and an index of its slots.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "isa/cases/check.hpp"

namespace orrery::isa {

// "64", "32" or "ring0", as test files name their modes.
Mode mode_named(std::string_view name);

Result<std::vector<Slot>> read_index(const std::string& path);
Result<std::vector<std::byte>> read_image(const std::string& path);

}  // namespace orrery::isa
