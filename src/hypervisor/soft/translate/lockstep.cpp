#include "hypervisor/soft/translate/lockstep.hpp"

#include <algorithm>
#include <cstring>

#include "base/format.hpp"
#include "base/log.hpp"
#include "hypervisor/soft/block_cache.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/translate/lockstep_report.hpp"

namespace orrery::hypervisor::soft::translate {

// ---- AccessLog

void AccessLog::clear() {
  entries_.clear();
  next_ = 0;
  fault_.reset();
}

void AccessLog::note(Access access, std::uint64_t linear, const void* bytes, unsigned size) {
  const auto* byte = static_cast<const std::uint8_t*>(bytes);
  for (unsigned i = 0; i < size; ++i) entries_.push_back({linear + i, access, byte[i]});
}

bool AccessLog::take(Access access, std::uint64_t linear, void* bytes, unsigned size) {
  auto* byte = static_cast<std::uint8_t*>(bytes);
  if (entries_.size() - next_ < size) return false;
  for (unsigned i = 0; i < size; ++i) {
    const Entry& entry = entries_[next_ + i];
    if (entry.access != access || entry.linear != linear + i) return false;
    byte[i] = entry.byte;
  }
  next_ += size;
  return true;
}

// ---- Lockstep

// Ends the second execution; it has been told.
class Lockstep::Disagreement {};

void Lockstep::read(std::uint64_t linear, void* destination, unsigned size, AccessMode mode) {
  if (phase_ == Phase::kAgain) {
    if (log_.at_end() && log_.fault()) throw *log_.fault();
    if (log_.take(Access::kRead, linear, destination, size)) return;
    disagree(format("the interpreter reads {} bytes at {:#x}, the block does not", size, linear));
    throw Disagreement{};
  }
  try {
    cpu_.read_slow_plain(linear, destination, size, mode);
  } catch (const Fault& fault) {
    if (phase_ == Phase::kBlock) log_.note_fault(fault);
    throw;
  }
  if (phase_ == Phase::kBlock) log_.note(Access::kRead, linear, destination, size);
}

void Lockstep::write(std::uint64_t linear, const void* source, unsigned size, AccessMode mode) {
  if (phase_ == Phase::kAgain) return write_again(linear, source, size);
  try {
    cpu_.write_slow_plain(linear, source, size, mode);
  } catch (const Fault& fault) {
    if (phase_ == Phase::kBlock) log_.note_fault(fault);
    throw;
  }
  if (phase_ == Phase::kBlock) log_.note(Access::kWrite, linear, source, size);
}

void Lockstep::write_again(std::uint64_t linear, const void* source, unsigned size) {
  constexpr std::uint64_t kLargest = 64;
  std::uint8_t written[kLargest] = {};
  if (log_.at_end() && log_.fault()) throw *log_.fault();
  if (size > kLargest || !log_.take(Access::kWrite, linear, written, size)) {
    disagree(format("the interpreter writes {} bytes at {:#x}, the block does not", size, linear));
    throw Disagreement{};
  }
  if (std::memcmp(written, source, size) == 0) return;
  if (pushes_flags(instruction_rip_) && take_pushed_flags(written, source, size)) return;
  disagree(format("at {:#x} the block writes {}, the interpreter {}", linear,
                  hexadecimal(written, size), hexadecimal(source, size)));
}

// What nobody has defined may be anything, until it is looked at: then the block's is the one.
bool Lockstep::take_pushed_flags(const std::uint8_t* written, const void* source, unsigned size) {
  std::uint64_t block = 0;
  std::uint64_t interpreter = 0;
  std::memcpy(&block, written, std::min(size, 8u));
  std::memcpy(&interpreter, source, std::min(size, 8u));
  if (((block ^ interpreter) & ~x86::rflags::kArithmetic) != 0) return false;
  cpu_.flags.set_bits(block);
  return true;
}

// SYSCALL, by which alone a block gets from level 3 to level 0, puts the flags into R11.
void Lockstep::take_saved_flags(const Registers& translated, Registers& interpreted) const {
  if (before_.state.cpl() != 3 || translated.state.cpl() != 0) return;
  std::uint64_t& r11 = interpreted.state[x86::Gpr::kR11];
  const std::uint64_t block = translated.state[x86::Gpr::kR11];
  if (((block ^ r11) & ~x86::rflags::kArithmetic) == 0) r11 = block;
}

void Lockstep::probe_write(std::uint64_t linear, unsigned size, AccessMode mode) {
  if (phase_ == Phase::kAgain) {
    if (log_.at_end() && log_.fault()) throw *log_.fault();
    return;
  }
  try {
    cpu_.probe_write_plain(linear, size, mode);
  } catch (const Fault& fault) {
    if (phase_ == Phase::kBlock) log_.note_fault(fault);
    throw;
  }
}

Lockstep::Registers Lockstep::take() const {
  Registers registers{cpu_.state, cpu_.flags};
  std::memcpy(registers.state.gpr.data(), cpu_.registers_, sizeof registers.state.gpr);
  registers.state.rip = cpu_.next_block_rip_;
  return registers;
}

void Lockstep::put(const Registers& registers) {
  cpu_.state = registers.state;
  std::memcpy(cpu_.registers_, registers.state.gpr.data(), sizeof registers.state.gpr);
  cpu_.flags = registers.flags;
  cpu_.next_block_rip_ = registers.state.rip;
  cpu_.between_blocks();
  cpu_.mode_changed();
}

void Lockstep::begin_block() {
  log_.clear();
  callouts_.clear();
  left_early_ = fault_in_callout_ = false;
  before_ = take();
  count_before_ = cpu_.counted_down();
  phase_ = Phase::kBlock;
}

void Lockstep::leave_out() {
  phase_ = Phase::kOff;
  carried_.reset();
  ++left_out_;
}

void Lockstep::begin_callout() {
  phase_ = Phase::kCallout;
  callouts_.push_back({take(), {}, log_.size()});
}

// A string instruction that faults may have done a part of its work before.
void Lockstep::end_callout(bool faulted) {
  phase_ = Phase::kBlock;
  callouts_.back().after = take();
  fault_in_callout_ |= faulted;
}

void Lockstep::check_block(unsigned instructions, End end, const Fault* fault) {
  const std::int64_t countdown = cpu_.translation_.countdown;
  const std::uint64_t counted = cpu_.counted_down() - count_before_;
  const Registers translated = take();
  // The interpreter's side raised it, as a callout: there is nothing to compare it with.
  if (end == End::kFault && fault_in_callout_) end = End::kBefore;
  if (carried_ && carried_->rip == before_.state.rip &&
      carried_->translated == before_.flags.bits()) {
    before_.flags = carried_->interpreted;
  }
  ++blocks_;
  phase_ = Phase::kAgain;
  put(before_);
  try {
    expect_count(counted, execute_again(instructions, end, translated.state.rip, fault));
    if (!log_.at_end()) disagree("the block accesses more memory than the interpreter");
    Registers interpreted = take();
    take_saved_flags(translated, interpreted);
    compare(translated, interpreted);
  } catch (const Disagreement&) {
  } catch (const Fault& other) {
    disagree(format("the interpreter raises {}, the block does not", to_text(other)));
  }
  phase_ = Phase::kOff;
  carried_ = Carried{translated.state.rip, translated.flags.bits(), cpu_.flags};
  put(translated);
  cpu_.translation_.countdown = countdown;
}

// RIP: where the block was left.
std::uint64_t Lockstep::execute_again(unsigned instructions, End end, std::uint64_t rip,
                                      const Fault* fault) {
  unsigned executed = 0;
  const std::uint64_t begin = cpu_.counted_down();
  std::uint64_t retired_in_callouts = 0;
  bool transferred = false;
  next_callout_ = 0;
  const auto is_over = [&] {
    if (end == End::kTransferred && !left_early_) return transferred || executed == instructions;
    if (cpu_.next_block_rip_ != rip || next_callout_ != callouts_.size()) return false;
    return end == End::kFault || log_.at_end();  // what faults may have read before
  };
  while (!is_over()) {
    if (executed == instructions) {
      disagree(format("the interpreter gets past {:#x}, where the block was left", rip));
      throw Disagreement{};
    }
    const std::uint64_t from = cpu_.next_block_rip_;
    if (!take_callout()) {
      transferred = step();
    } else if (cpu_.next_block_rip_ != from) {  // no interrupted repetition
      ++retired_in_callouts;
    }
    ++executed;
  }
  instructions_ += executed;
  const std::uint64_t retired = cpu_.counted_down() - begin + retired_in_callouts;
  if (end == End::kFault) expect_fault(*fault);
  return retired;
}

void Lockstep::expect_count(std::uint64_t translated, std::uint64_t interpreted) {
  const bool counts = cpu_.translator_ != nullptr && cpu_.counts_all();
  if (!counts || translated == interpreted) return;
  disagree(format("the block counts {} instructions, the interpreter {}", translated, interpreted));
}

bool Lockstep::take_callout() {
  if (next_callout_ == callouts_.size()) return false;
  const CalloutRecord& callout = callouts_[next_callout_];
  if (callout.before.state.rip != cpu_.next_block_rip_ || callout.log_position != log_.position()) {
    return false;
  }
  compare(callout.before, take());
  put(callout.after);
  ++next_callout_;
  return true;
}

// True where the instruction has transferred control, other than by a jump that a block may pass.
bool Lockstep::step() {
  instruction_rip_ = cpu_.next_block_rip_;
  cpu_.look_up();  // no other block behind it
  cpu_.execute_alone();
  const Instruction& executed = *cpu_.blocks_->scratch().records();
  if (cpu_.next_block_rip_ == instruction_rip_ + executed.length) return false;
  return cpu_.next_block_rip_ < instruction_rip_ || !jumps(instruction_rip_);
}

void Lockstep::expect_fault(const Fault& expected) {
  const std::uint64_t rip = cpu_.next_block_rip_;
  try {
    (void)step();
    disagree(format("the block raises {}, the interpreter does not", to_text(expected)));
  } catch (const Fault& fault) {
    if (to_text(fault) != to_text(expected)) {
      disagree(
          format("the block raises {}, the interpreter {}", to_text(expected), to_text(fault)));
    }
  }
  cpu_.next_block_rip_ = rip;
  cpu_.between_blocks();
}

void Lockstep::compare(const Registers& translated, const Registers& interpreted) {
  const std::string text = differences_of(translated.state, interpreted.state);
  if (!text.empty()) disagree(text);
}

void Lockstep::disagree(const std::string& what) {
  constexpr std::uint64_t kMostReports = 20;
  if (++differences_ > kMostReports) return;
  log::error("lockstep: in the block at {:#x}, before {:#x}: {}{}", before_.state.rip,
             cpu_.next_block_rip_, what, listing(code_at(before_.state.rip), before_.state.rip));
}

// The rest of the page that holds the code at RIP; nothing where it cannot be fetched any more.
ByteSpan Lockstep::code_at(std::uint64_t rip) const {
  const std::uint64_t linear = cpu_.code_linear(rip);
  GuestPhysical place;
  try {
    place = cpu_.fetch_physical(linear);
  } catch (const Fault&) {
    return {};
  }
  const std::byte* page = cpu_.memory_.host_page(place);
  const std::size_t offset = linear % kPageSize;
  return page == nullptr ? ByteSpan{} : ByteSpan{page + offset, kPageSize - offset};
}

// JMP to a known address.
bool Lockstep::jumps(std::uint64_t rip) const {
  const ByteSpan code = code_at(rip);
  return !code.empty() && (code[0] == std::byte{0xeb} || code[0] == std::byte{0xe9});
}

// PUSHF, with or without prefixes.
bool Lockstep::pushes_flags(std::uint64_t rip) const {
  for (const std::byte byte : code_at(rip)) {
    const auto value = static_cast<unsigned>(byte);
    if (value == 0x9c) return true;
    if (value != 0x66 && (value & 0xf0) != 0x40) return false;
  }
  return false;
}

}  // namespace orrery::hypervisor::soft::translate
