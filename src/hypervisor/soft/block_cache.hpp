// The decoded blocks of one vCPU: by guest-physical address, and in front of that by linear
// address.
//
// Blocks live in one arena that is emptied as a whole when full, after which everything is decoded
// anew: that happens only to guests with more code than the arena holds.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "base/zeroed_array.hpp"
#include "hypervisor/soft/block.hpp"

namespace orrery::hypervisor::soft {

class BlockCache {
 public:
  // Empty, with room for records of ARENA_BYTES.
  explicit BlockCache(std::size_t arena_bytes = kArenaBytes);

  // The small guest's boot decodes many times this much, and goes on at 340, 360, 400 and 430 MIPS
  // with 2, 3, 4 and 8 MiB; each MiB counts as memory beyond the guest's own.
  static constexpr std::size_t kArenaBytes = std::size_t{3} << 20;
  // Beside a translator, which learns from the records what is hot: what is forgotten before it is
  // hot will never be.
  static constexpr std::size_t kArenaBytesForHeat = std::size_t{12} << 20;

  // The block to enter at LINEAR, or nullptr when that must be found out.
  Block* jump_target(std::uint64_t linear, std::uint64_t context, std::uint64_t epoch) {
    Block& block = at(jumps_[jump_index(linear)]);
    return block.leads_on(linear, context, epoch) ? &block : nullptr;
  }

  // The same with a look at the second place that LINEAR may have; what it holds comes first from
  // then on.
  Block* second_jump_target(std::uint64_t linear, std::uint64_t context, std::uint64_t epoch);

  // The block that LINEAR led to last, if that is still remembered, or nullptr: it may be outdated.
  Block* last_jump_target(std::uint64_t linear);

  // From now on LINEAR leads to BLOCK, in that state of the world.
  void set_jump(std::uint64_t linear, std::uint64_t context, std::uint64_t epoch, Block& block);

  // A current block that starts at this guest-physical address, or nullptr. Stale ones are
  // forgotten.
  Block* find(GuestPhysical start, CodeSize code_size);

  // Room for a block of up to Block::kMostInstructions; what is not used is given back by commit().
  // Allocating may empty the cache: no Block of before is valid afterwards.
  Block* allocate();
  void commit(Block* block);

  // Forgets all blocks; none of before is valid afterwards.
  void clear();

  // The block that single instructions are decoded into; never found by anyone.
  Block& scratch() { return scratch_.block; }

 private:
  // Where a block lies in the arena, in cache lines; it begins in the middle of one. The first
  // place stays zero, so that 0 is a block that nothing leads to.
  using Place = std::uint32_t;

  static constexpr std::size_t kUnit = 64;
  static constexpr std::size_t kMiddle = 32;
  static constexpr std::size_t kBuckets = 1u << 14;
  static constexpr std::size_t kJumps = 1u << 14;

  struct Scratch {
    Block block;
    std::array<Instruction, 3> records{};
  };

  // Pairs of places side by side: an address has two.
  static std::size_t jump_index(std::uint64_t linear) { return (linear ^ (linear >> 12)) % kJumps; }
  static std::size_t other_jump_index(std::uint64_t linear) { return jump_index(linear) ^ 1; }
  static std::size_t bucket_index(GuestPhysical start) {
    return (start.value() ^ (start.value() >> 14)) % kBuckets;
  }
  Block& at(Place place) { return *block_at(place * kUnit); }
  Block* block_at(std::size_t offset) {
    return reinterpret_cast<Block*>(arena_.data() + offset + kMiddle);
  }
  Place place_of(const Block& block) {
    return static_cast<Place>(
        static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&block) - arena_.data()) /
        kUnit);
  }
  std::size_t arena_bytes_;
  ZeroedArray<std::byte> arena_;
  std::size_t used_ = kUnit;
  ZeroedArray<Place> buckets_;
  ZeroedArray<Place> jumps_;
  Scratch scratch_;
};

}  // namespace orrery::hypervisor::soft
