// What a PS/2 keyboard sends when a key moves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "port/input.hpp"

namespace orrery::device::i8042 {

// The longest is Pause's.
inline constexpr std::size_t kLongestScanCode = 8;

// In scan code set 2; empty for keys that a PC keyboard lacks, and where Pause is let go.
std::vector<std::byte> scan_code(const port::KeyEvent& event);

}  // namespace orrery::device::i8042
