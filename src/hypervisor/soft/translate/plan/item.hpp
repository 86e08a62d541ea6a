// An instruction of a block that is being translated.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "hypervisor/soft/decode/table.hpp"
#include "hypervisor/soft/translate/emit/host_registers.hpp"
#include "hypervisor/soft/translate/page.hpp"
#include "hypervisor/soft/translate/plan/plan.hpp"

namespace orrery::hypervisor::soft::translate {

// A decoded instruction with what is known about it.
struct Item {
  Decoded decoded;
  ByteSpan bytes;
  std::uint64_t rip = 0;
  std::optional<PageStamp> tail{};  // where the instruction ends, if that is the next page
  Plan plan;
  FlagSet live_before = kAllFlags;  // flags whose values are needed at or after this instruction
  FlagSet live_after = kAllFlags;   // after it, on any way out
  FlagSet live_taken = kAllFlags;   // where a jump leaves the block to
  bool is_followed = false;         // a jump, at whose target the block goes on

  std::uint64_t next_rip() const { return rip + decoded.info.length; }
  // Of a direct transfer.
  std::uint64_t target() const { return next_rip() + decoded.operands[0].imm.value.u; }
  // Where the block goes on, and where a conditional jump leaves it to.
  std::uint64_t following() const { return is_followed ? target() : next_rip(); }
  std::uint64_t exit() const { return is_followed ? next_rip() : target(); }
};

// Whether the memory operand must be aligned to its size.
bool needs_alignment(const Item& item);

// LEA whose address the host can put right into its destination.
bool has_direct_address(const Item& item, HostRegisters registers);

}  // namespace orrery::hypervisor::soft::translate
