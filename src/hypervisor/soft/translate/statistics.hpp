// What a translator counts, so that gaps show (`orrery run --engine-stats`).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include <Zydis/Zydis.h>

namespace orrery::hypervisor::soft::translate {

struct Statistics {
  std::uint64_t blocks = 0;                   // translated
  std::uint64_t instructions = 0;             // in them
  std::uint64_t outdated = 0;                 // whose page had changed when their code was there
  std::uint64_t entries = 0;                  // of translated code by the engine
  std::uint64_t links = 0;                    // of jumps
  std::uint64_t slow_accesses = 0;            // that the inline check left aside
  std::uint64_t clears = 0;                   // of the code cache, when it was full
  std::chrono::microseconds longest_clear{};  // by the clock: waiting for a processor is in it
  std::uint64_t unknown_indirects = 0;        // jumps whose target was not in the table
  std::uint64_t stale_entries = 0;    // that refused: another page there, or attention wanted
  std::uint64_t entries_renewed = 0;  // to lead to what was translated since
  std::uint64_t continues = 0;        // exits to look for a block at a known address
  // Executed by the interpreter in the middle of a block, at its end with the code going on where
  // it led, and at its end.
  std::array<std::uint64_t, ZYDIS_MNEMONIC_MAX_VALUE + 1> callouts{};
  std::array<std::uint64_t, ZYDIS_MNEMONIC_MAX_VALUE + 1> systems{};
  std::array<std::uint64_t, ZYDIS_MNEMONIC_MAX_VALUE + 1> interpreted{};
};

}  // namespace orrery::hypervisor::soft::translate
