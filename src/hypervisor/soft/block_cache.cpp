#include "hypervisor/soft/block_cache.hpp"

#include <new>

#include "base/bits.hpp"

namespace orrery::hypervisor::soft {

BlockCache::BlockCache(std::size_t arena_bytes)
    : arena_bytes_(arena_bytes), arena_(arena_bytes), buckets_(kBuckets), jumps_(kJumps) {}

Block* BlockCache::second_jump_target(std::uint64_t linear, std::uint64_t context,
                                      std::uint64_t epoch) {
  Place& first = jumps_[jump_index(linear)];
  Place& second = jumps_[other_jump_index(linear)];
  Block& block = at(second);
  if (!block.leads_on(linear, context, epoch)) return nullptr;
  std::swap(first, second);
  return &block;
}

Block* BlockCache::last_jump_target(std::uint64_t linear) {
  for (const std::size_t index : {jump_index(linear), other_jump_index(linear)}) {
    Block& block = at(jumps_[index]);
    if (block.linear == linear && block.context != 0) return &block;
  }
  return nullptr;
}

void BlockCache::set_jump(std::uint64_t linear, std::uint64_t context, std::uint64_t epoch,
                          Block& block) {
  block.linear = linear;
  block.context = context;
  block.epoch = epoch;
  Place& first = jumps_[jump_index(linear)];
  Place& second = jumps_[other_jump_index(linear)];
  const Place place = place_of(block);
  if (first == place) return;
  second = std::exchange(first, place);
}

Block* BlockCache::find(GuestPhysical start, CodeSize code_size) {
  Place* link = &buckets_[bucket_index(start)];
  while (*link != 0) {
    Block& block = at(*link);
    if (block.first.start == start && block.code_size == code_size) {
      if (block.is_current()) return &block;
      *link = block.next_in_bucket;
    } else {
      link = &block.next_in_bucket;
    }
  }
  return nullptr;
}

Block* BlockCache::allocate() {
  constexpr std::size_t kMost =
      kMiddle + sizeof(Block) + (Block::kMostInstructions + 2) * sizeof(Instruction);
  if (used_ + kMost > arena_bytes_) clear();
  return new (block_at(used_)) Block;
}

void BlockCache::commit(Block* block) {
  const std::size_t records = block->count + std::size_t{block->crosses ? 2u : 1u};
  used_ = align_up(used_ + sizeof(Block) + records * sizeof(Instruction), kUnit);
  Place& bucket = buckets_[bucket_index(block->first.start)];
  block->next_in_bucket = std::exchange(bucket, place_of(*block));
}

void BlockCache::clear() {
  used_ = kUnit;  // what was there is overwritten, not given back: it will be needed again at once
  buckets_.clear();
  jumps_.clear();
}

}  // namespace orrery::hypervisor::soft
