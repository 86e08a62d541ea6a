// The count of retired instructions, and the way to a given one (decision 14).
#include <limits>

#include "hypervisor/soft/block_cache.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft {
namespace {

// From one look at the countdown to the next, translated code only goes forwards within a page: at
// most one instruction per byte. The interpreter's block that may follow then still ends before the
// count.
constexpr std::uint64_t kLongestWay = kPageSize + 2 * Block::kMostInstructions;

constexpr std::uint64_t kNever = std::numeric_limits<std::int64_t>::max() / 2;

}  // namespace

bool Cpu::counts_all() const {
  return translator_ == nullptr || translator_->options().counted;
}

std::uint64_t Cpu::retired() const {
  const bool in_block = block_ != nullptr;
  return counted_down() + translation_.partial +
         (in_block ? static_cast<std::uint64_t>(current_ - block_->records()) : 0);
}

void Cpu::stop_at(std::optional<std::uint64_t> count) {
  stop_at_ = count;
  set_horizon();
}

// The countdown ends where the present pace would be too fast.
void Cpu::set_horizon() {
  const std::uint64_t done = counted_down();
  const std::uint64_t target = stop_at_.value_or(done + kNever);
  const std::uint64_t left = target > done ? target - done : 0;
  std::uint64_t before_target = 0;
  if (left >= kLongestWay) {
    pace_ = Pace::kAny;
    before_target = kLongestWay;
  } else if (left >= Block::kMostInstructions) {
    pace_ = Pace::kBlocks;
    before_target = Block::kMostInstructions;
  } else {
    pace_ = Pace::kSingle;
    before_target = left + 1;  // look after every instruction
  }
  horizon_ = done + left - before_target;
  translation_.countdown = static_cast<std::int64_t>(left - before_target);
}

std::optional<Exit> Cpu::look_at_count() {
  const std::uint64_t done = counted_down();
  const bool reached = stop_at_ && done >= *stop_at_;
  if (reached) stop_at_.reset();
  set_horizon();
  if (reached) return CountReached{done};
  return std::nullopt;
}

}  // namespace orrery::hypervisor::soft
