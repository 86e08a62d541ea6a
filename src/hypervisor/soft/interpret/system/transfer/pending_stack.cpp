#include "hypervisor/soft/interpret/system/transfer/pending_stack.hpp"

#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {
namespace {

constexpr std::uint64_t kMask64 = ~std::uint64_t{0};

std::uint64_t mask_for(const x86::Segment& segment, bool code_64bit) {
  if (code_64bit) return kMask64;
  return segment.attributes.is_big() ? 0xffff'ffff : 0xffff;
}

}  // namespace

PendingStack PendingStack::current(Cpu& cpu) {
  PendingStack stack(cpu, cpu.state[x86::SegmentRegister::kSs], cpu.gpr(x86::Gpr::kRsp), cpu.cpl(),
                     cpu.code_64bit(), 0);
  stack.mode_ = cpu.access_mode();
  return stack;
}

PendingStack::PendingStack(Cpu& cpu, const x86::Segment& segment, std::uint64_t pointer,
                           unsigned cpl, bool code_64bit, std::uint32_t error_code)
    : cpu_(cpu),
      segment_(segment),
      pointer_(pointer),
      mask_(mask_for(segment, code_64bit)),
      mode_(cpl == 3 ? AccessMode::kUser : AccessMode::kSupervisor),
      error_code_(error_code) {}

void PendingStack::move(std::int64_t distance) {
  const std::uint64_t moved = pointer_ + static_cast<std::uint64_t>(distance);
  // A 32-bit pointer clears the upper half as every 32-bit result does; a 16-bit one leaves it.
  pointer_ = mask_ == 0xffff ? (pointer_ & ~mask_) | (moved & mask_) : moved & mask_;
}

std::uint64_t PendingStack::address(std::uint64_t offset, unsigned size) {
  if (mask_ == kMask64) {
    if (!Cpu::is_canonical(offset) || !Cpu::is_canonical(offset + size - 1)) {
      cpu_.raise(x86::Exception::kStackFault, error_code_);
    }
    return offset;
  }
  if (!within_limit(segment_, offset, size)) {
    cpu_.raise(x86::Exception::kStackFault, error_code_);
  }
  return linear_in(cpu_, segment_, offset);
}

void PendingStack::push(std::uint64_t value, unsigned size) {
  move(-static_cast<std::int64_t>(size));
  const std::uint64_t linear = address(pointer_ & mask_, size);
  switch (size) {
    case 2: return cpu_.write_as<std::uint16_t>(linear, static_cast<std::uint16_t>(value), mode_);
    case 4: return cpu_.write_as<std::uint32_t>(linear, static_cast<std::uint32_t>(value), mode_);
    default: return cpu_.write_as<std::uint64_t>(linear, value, mode_);
  }
}

std::uint64_t PendingStack::peek(std::uint64_t depth, unsigned size) {
  const std::uint64_t linear = address((pointer_ + depth) & mask_, size);
  switch (size) {
    case 2: return cpu_.read_as<std::uint16_t>(linear, mode_);
    case 4: return cpu_.read_as<std::uint32_t>(linear, mode_);
    default: return cpu_.read_as<std::uint64_t>(linear, mode_);
  }
}

std::uint64_t PendingStack::pop(unsigned size) {
  const std::uint64_t value = peek(0, size);
  move(static_cast<std::int64_t>(size));
  return value;
}

}  // namespace orrery::hypervisor::soft
