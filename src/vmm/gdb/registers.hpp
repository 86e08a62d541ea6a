// A vCPU's registers as GDB numbers, names and transfers them (GDB manual, appendix G.5.5 "i386
// Features"): little-endian, in the order of the target description.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "x86/state.hpp"

namespace orrery::vmm::gdb {

// The description that GDB asks for as target.xml.
const std::string& target_description();

std::size_t register_count();

// One register, in its size; NUMBER is below register_count().
std::string read_register(const x86::CpuState& state, std::size_t number);

// False: it has another size, or cannot be set alone (selectors, whose descriptors GDB does not
// know).
[[nodiscard]] bool write_register(x86::CpuState& state, std::size_t number, std::string_view bytes);

// All of them, one behind the other. Writing leaves selectors as they are; false: another size.
std::string read_registers(const x86::CpuState& state);
[[nodiscard]] bool write_registers(x86::CpuState& state, std::string_view bytes);

}  // namespace orrery::vmm::gdb
