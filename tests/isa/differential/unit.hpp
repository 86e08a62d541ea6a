// One random instruction of a sequence, with the moves in front of it that keep it inside the
// sandbox: its address registers, the stack's pointer and branch targets are set just before use.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <Zydis/Zydis.h>

#include "isa/differential/forms.hpp"
#include "isa/differential/random.hpp"

namespace orrery::isa::differential {

// Flags of the processor and x87 condition bits, as Zydis numbers them.
struct FlagUse {
  std::uint32_t tested = 0;
  std::uint32_t defined = 0;
  std::uint32_t undefined = 0;
};

struct Unit {
  // A place in `bytes` that is filled in once it is known where the unit lies.
  struct Target {
    std::uint8_t at = 0;
    std::uint8_t size = 4;
    bool relative = false;     // to the unit's end; otherwise absolute
    std::uint8_t skipped = 0;  // the start of a later unit: how many lie between
    std::uint32_t data = 0;    // or, where not 0, this address
  };

  ZydisMnemonic mnemonic{};
  std::vector<std::uint8_t> bytes{};
  std::size_t instruction = 0;  // where the instruction itself starts in `bytes`
  std::vector<Target> targets{};
  FlagUse cpu{};
  FlagUse x87{};
};

class UnitMaker {
 public:
  UnitMaker(Mode mode, std::span<const Group> groups);

  // Tries until a form comes out that can be kept in bounds.
  Unit make(Random& random) const;

 private:
  std::optional<Unit> attempt(const Group& group, Random& random) const;

  Mode mode_;
  std::span<const Group> groups_;
  ZydisDecoder decoder_;
};

}  // namespace orrery::isa::differential
