// One name for text formatting: `format("{}", x)`, by the fmt library (g++ 12 lacks std::format).
#pragma once

#include <fmt/format.h>

namespace orrery {

using fmt::format;

}  // namespace orrery
