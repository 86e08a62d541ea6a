// A basic block of decoded instructions.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/bits.hpp"
#include "base/types.hpp"
#include "hypervisor/soft/decode/instruction.hpp"
#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft {

// Where some of a block's bytes lie, and which version of them was decoded.
struct BlockPart {
  GuestPhysical start;
  const std::atomic<std::uint32_t>* current_version =
      nullptr;  // nullptr: nothing that could change
  std::uint32_t version = 0;
  std::uint16_t size = 0;

  bool is_current() const {
    return current_version == nullptr ||
           current_version->load(std::memory_order_acquire) == version;
  }
  bool lies_in_page_of(GuestPhysical address) const {
    return size != 0 && align_down(start.value() ^ address.value(), kPageSize) == 0;
  }
  bool overlaps(GuestPhysical address, unsigned length) const {
    return size != 0 && address < start + size && start < address + length;
  }
};

// The header of a block. Its records follow it in memory: `count` instructions and one more that
// ends the block; then, where the last instruction crosses a page, the part behind the crossing.
//
// What is read to enter a block, and its first record, share one cache line: a way through a kernel
// enters a thousand blocks once each, and every further line would come from the L2 cache or
// beyond.
//
//   -32             0                      32              64
//   | first, bucket | entered where, heat  | first record  | ...
struct alignas(32) Block {
  // Most instructions in one block: bounds the time until an interrupt is noticed, and what is
  // decoded behind conditional branches without ever being executed.
  static constexpr unsigned kMostInstructions = 16;

  BlockPart first;
  std::uint32_t next_in_bucket = 0;  // BlockCache's
  std::uint16_t count = 0;           // guest instructions
  CodeSize code_size = CodeSize::k16;
  bool crosses = false;  // into the next page, with its last (and only) instruction

  // Where the vCPU found this block last, and for which state of the world that is still true:
  // `context` is the vCPU's (Cpu::fetch_context_), `epoch` that of all decoded code
  // (CodePages::epoch()).
  std::uint64_t linear = 0;
  std::uint64_t context = 0;  // 0: never entered
  std::uint64_t epoch = 0;
  // Counts down (Cpu::heat_step_ at a time) to where the translator takes over.
  std::int32_t heat = 1;
  std::uint32_t heat_round = 0;  // the translator's, in which that counts

  bool leads_on(std::uint64_t from, std::uint64_t in_context, std::uint64_t in_epoch) const {
    return linear == from && context == in_context && epoch == in_epoch;
  }

  const Instruction* records() const { return reinterpret_cast<const Instruction*>(this + 1); }
  Instruction* records() { return reinterpret_cast<Instruction*>(this + 1); }

  BlockPart& second() { return *reinterpret_cast<BlockPart*>(records() + 2); }
  const BlockPart& second() const { return *reinterpret_cast<const BlockPart*>(records() + 2); }

  bool is_current() const { return first.is_current() && (!crosses || second().is_current()); }
  bool lies_in_page_of(GuestPhysical address) const {
    return first.lies_in_page_of(address) || (crosses && second().lies_in_page_of(address));
  }
  bool covers(GuestPhysical address, unsigned length) const {
    return first.overlaps(address, length) || (crosses && second().overlaps(address, length));
  }
};
static_assert(sizeof(BlockPart) <= sizeof(Instruction), "the second part takes a record's place");
static_assert(sizeof(Block) == 64 && offsetof(Block, linear) == 32);

}  // namespace orrery::hypervisor::soft
