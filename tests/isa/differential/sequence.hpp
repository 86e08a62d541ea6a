// A few units in a row as code at an address, with what of the outcome is undefined.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isa/differential/unit.hpp"
#include "isa/executor.hpp"

namespace orrery::isa::differential {

struct Undefined {
  std::uint32_t cpu = 0;  // RFLAGS bits
  std::uint32_t x87 = 0;  // Zydis' C0 to C3 bits

  friend bool operator==(const Undefined&, const Undefined&) = default;
};

struct Layout {
  std::vector<std::byte> code{};
  std::vector<std::size_t> starts{};   // of each unit, and of the end
  std::vector<Undefined> undefined{};  // on reaching each start

  // What is undefined when control is at OFFSET.
  Undefined undefined_at(std::size_t offset) const;
};

// Code that executes UNITS at kCodeBase + OFFSET and then leaves through MODE's exit. Where a unit
// reads flags that are undefined by then, an instruction that defines them goes in front.
Layout lay_out(std::span<const Unit> units, Mode mode, std::uint64_t offset);

// The code as text, one line per instruction.
std::string listing(const Layout& layout, Mode mode, std::uint64_t offset);

}  // namespace orrery::isa::differential
