// How a vCPU comes from RIP to decoded instructions.
#include <algorithm>

#include "base/bits.hpp"
#include "hypervisor/soft/block_cache.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/decode/decoder.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft {
namespace {

constexpr unsigned kLongestInstruction = 15;

}  // namespace

// The block at next_block_rip_. Throws what fetching its first byte throws.
Block* Cpu::next_block() {
  const std::uint64_t rip = next_block_rip_ & code_mask_;
  const std::uint64_t linear = code_linear(rip);
  if (ends_for_debugger(linear)) return nullptr;
  const std::uint64_t epoch = code_pages_.epoch();  // before the block is found to be current
  if (Block* block = blocks_->jump_target(linear, fetch_context_, epoch)) return block;
  if (Block* block = blocks_->second_jump_target(linear, fetch_context_, epoch)) return block;
  check_code_address(rip);

  const GuestPhysical start = fetch_physical(linear);
  if (memory_.host_page(start) == nullptr)
    return nullptr;  // device memory: one instruction at a time
  // After a switch of address spaces most addresses still lead to the same place.
  Block* block = blocks_->last_jump_target(linear);
  if (block == nullptr || !is_block_at(*block, linear, start)) {
    block = blocks_->find(start, code_size_);
    if (block == nullptr || !is_block_at(*block, linear, start)) block = make_block(linear, start);
  }
  // Elsewhere it has not been executed yet, and would have to be translated anew.
  if (block->linear != linear) cool(*block);
  blocks_->set_jump(linear, fetch_context_, epoch, *block);
  return block;
}

// The block at next_block_rip_ where it has been executed there before, but too seldom to have been
// translated.
Block* Cpu::cold_block() {
  const std::uint64_t linear = code_linear(next_block_rip_ & code_mask_);
  Block* block = blocks_->jump_target(linear, fetch_context_, code_pages_.epoch());
  return block != nullptr && block->heat > 0 ? block : nullptr;
}

void Cpu::cool(Block& block) const {
  block.heat = translator_ != nullptr ? translator_->options().hot_after : 1;
  block.heat_round = translator_ != nullptr ? translator_->round() : 0;
}

Block* Cpu::make_block(std::uint64_t linear, GuestPhysical start) {
  Block* block = blocks_->allocate();
  decode_block(*block, linear, start, Block::kMostInstructions);
  blocks_->commit(block);
  return block;
}

// Whether BLOCK is what START, the place of LINEAR, holds now. Where its last instruction crosses
// into another page, that page must be the one that follows here, too.
bool Cpu::is_block_at(const Block& block, std::uint64_t linear, GuestPhysical start) {
  if (block.first.start != start || block.code_size != code_size_ || !block.is_current())
    return false;
  if (!block.crosses) return true;
  const std::uint64_t next_page = align_down(linear, kPageSize) + kPageSize;
  return fetch_physical(next_page & linear_mask_) == block.second().start;
}

// Decodes one instruction into the scratch block, which may come from device memory.
Block* Cpu::next_instruction() {
  const std::uint64_t rip = next_block_rip_ & code_mask_;
  check_code_address(rip);
  Block& block = blocks_->scratch();
  const std::uint64_t linear = code_linear(rip);
  decode_block(block, linear, fetch_physical(linear), 1);
  return &block;
}

void Cpu::check_code_address(std::uint64_t rip) {
  const bool valid = code_size_ == CodeSize::k64 ? is_canonical(rip)
                                                 : rip <= state[x86::SegmentRegister::kCs].limit;
  if (!valid) raise(x86::Exception::kGeneralProtection, 0);
}

// The page that the code at LINEAR is in. Remembers pages for as long as their context stands.
const Cpu::FetchPage& Cpu::fetch_page(std::uint64_t linear) {
  const std::uint64_t page = align_down(linear, kPageSize);
  FetchPage& entry = fetch_page_slot(linear);
  if (entry.linear != page || entry.context != context_of(entry)) {
    const AccessMode mode = cpl_ == 3 ? AccessMode::kUser : AccessMode::kSupervisor;
    const Translation found = walk(state, memory_, tables_, linear, Access::kExecute, mode);
    if (found.page_shift != kPageShift) tlb_.note_large(linear, found.page_shift);
    entry = {page, 0, found.physical - linear % kPageSize, found.global};
    entry.context = context_of(entry);
  }
  return entry;
}

GuestPhysical Cpu::fetch_physical(std::uint64_t linear) {
  return fetch_page(linear).physical + linear % kPageSize;
}

// Fills BLOCK with up to MOST instructions from START on, all within its page but for the last one.
void Cpu::decode_block(Block& block, std::uint64_t linear, GuestPhysical start, unsigned most) {
  Instruction* const code = block.records();
  block.first = {start, nullptr, 0, 0};
  block.crosses = false;
  block.code_size = code_size_;
  block.count = 0;
  cool(block);

  std::byte page_bytes[kPageSize];
  const unsigned available = static_cast<unsigned>(kPageSize - start.value() % kPageSize);
  const ByteSpan bytes = code_bytes(block.first, start, available, most, page_bytes);

  std::uint16_t offset = 0;
  while (block.count < most && offset < bytes.size()) {
    Instruction& record = code[block.count];
    const DecodeStatus status = decode_next(bytes.subspan(offset), offset, record);
    if (status == DecodeStatus::kTruncated) {
      if (block.count == 0) {
        offset = decode_crossing(block, linear, bytes);
        ++block.count;
      }
      break;
    }
    ++block.count;
    offset = static_cast<std::uint16_t>(offset + record.length);
    if (status == DecodeStatus::kLast || ends_for_debugger(start.value() + offset)) break;
  }
  code[block.count] = end_of_block(offset);
}

// The bytes to decode from. RAM and ROM are decoded in place and watched from before they are read;
// device memory is read byte by byte into BUFFER.
ByteSpan Cpu::code_bytes(BlockPart& part, GuestPhysical start, unsigned available, unsigned most,
                         std::byte* buffer) {
  if (const std::byte* page = memory_.host_page(start)) {
    // As many bytes as the block can have at most; what it does not use is watched without need but
    // does no harm.
    const unsigned size = std::min(available, most * kLongestInstruction);
    part.version = code_pages_.begin_decode(start, size, *this);
    part.current_version = &code_pages_.page(start).version;
    part.size = static_cast<std::uint16_t>(size);
    return {page + start.value() % kPageSize, size};
  }
  const unsigned size = std::min(available, kLongestInstruction);
  physical_read(start, buffer, size);
  return {buffer, size};
}

// The block's only instruction begins with the last bytes of a page, HEAD, and goes on in the next
// one. Returns its length.
std::uint16_t Cpu::decode_crossing(Block& block, std::uint64_t linear, ByteSpan head) {
  std::byte bytes[kLongestInstruction];
  std::memcpy(bytes, head.data(), head.size());
  const unsigned missing = kLongestInstruction - static_cast<unsigned>(head.size());
  const std::uint64_t next_linear = (linear + head.size()) & linear_mask_;
  const GuestPhysical next = fetch_physical(next_linear);
  std::byte tail[kLongestInstruction];
  block.crosses = true;
  block.second() = {next, nullptr, 0, 0};
  const ByteSpan rest = code_bytes(block.second(), next, missing, 1, tail);
  std::memcpy(bytes + head.size(), rest.data(), rest.size());
  decode(ByteSpan(bytes, kLongestInstruction), code_size_, 0, block.records()[0]);
  return block.records()[0].length;
}

}  // namespace orrery::hypervisor::soft
