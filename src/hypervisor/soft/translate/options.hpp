// How code is translated.
#pragma once

#include <cstddef>
#include <cstdint>

namespace orrery::hypervisor::soft::translate {

struct Options {
  // The interpreter executes a block so often before it is translated. Translating costs some
  // thousand times as much as interpreting an instruction once.
  std::int32_t hot_after = 16;
  // The same with `beside`, where most of that price is not the vCPU's: 8 was as good as 4, and
  // better than 16 and 2 (decision 27).
  static constexpr std::int32_t kHotAfterBeside = 8;
  // Guest instructions in a block.
  unsigned most_instructions = 64;
  // Jumps lead from block to block without the engine.
  bool chain = true;
  // Blocks go on at the target of conditional jumps that mostly lead there.
  bool traces = true;
  // A fault sees every arithmetic flag as the interpreter would show it. Otherwise those that are
  // overwritten before anything can read them are undefined when a memory access faults.
  bool exact_flags = false;
  // Code counts the instructions that retire (decision 14).
  bool counted = false;
  // Every block is executed again by the interpreter, and the outcomes are compared (lockstep.hpp).
  // For one vCPU; slow.
  bool lockstep = false;
  // Code is emitted by a thread of its own, while the vCPU goes on interpreting (decision 27). When
  // a block's code is there is up to chance then.
  bool beside = false;
  // Host code of one vCPU, in bytes.
  std::size_t cache_bytes = std::size_t{32} << 20;
};

}  // namespace orrery::hypervisor::soft::translate
