// One line of the input protocol (docs/formats/input.md) as events.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "port/input.hpp"

namespace orrery::vmm {

// BUTTONS are the mouse buttons that are held; what the line does to them is put there. An empty
// line has no events.
Result<std::vector<port::InputEvent>> parse_input_line(std::string_view line,
                                                       std::uint8_t& buttons);

}  // namespace orrery::vmm
