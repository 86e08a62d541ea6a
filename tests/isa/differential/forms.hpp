// All opcode forms of the engine's instructions, found by decoding every opcode and keeping what
// the engine's table has a row for (hypervisor/soft/decode/table.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include <Zydis/Zydis.h>

#include "isa/executor.hpp"

namespace orrery::isa::differential {

enum class Map : std::uint8_t { kOneByte, k0F, k0F38, k0F3A };

enum class Encoding : std::uint8_t { kLegacy, kVex128, kVex256 };

struct Form {
  std::uint8_t prefix = 0;  // 66, F2, F3 or none
  bool wide = false;        // REX.W, VEX.W
  Encoding encoding{};
  bool takes_vvvv = false;  // VEX.vvvv names a register
  Map map{};
  std::uint8_t opcode = 0;
  bool has_modrm = false;
  bool memory = false;    // the ModRM byte names memory
  bool fixed_rm = false;  // ModRM.rm belongs to the opcode
  std::uint8_t modrm = 0;
};

// The forms of one mnemonic.
struct Group {
  ZydisMnemonic mnemonic{};
  bool privileged = false;  // faults in ring 3
  std::vector<Form> forms{};
};

// ONLY: a mnemonic in lower case, or empty for all.
std::vector<Group> find_groups(Mode mode, std::string_view only);

// The three bytes of a VEX prefix (SDM vol. 2A, 2.3.5). EXTENSIONS: R, X and B as bits 2 to 0;
// VVVV: a register, or 0 where the form has none.
std::array<std::uint8_t, 3> vex_prefix(const Form& form, unsigned extensions, unsigned vvvv);

}  // namespace orrery::isa::differential
