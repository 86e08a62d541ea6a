// A stack that is pushed to or popped from before anything of the processor changes: far transfers,
// event delivery and task switches commit its pointer once nothing can fault any more.
#pragma once

#include <cstdint>

#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

class PendingStack {
 public:
  // The current stack at current privilege.
  static PendingStack current(Cpu& cpu);
  // One that will be entered: SEGMENT with POINTER, used at privilege level CPL by code that is
  // 64-bit or not. An access beyond its limit is #SS(ERROR_CODE).
  PendingStack(Cpu& cpu, const x86::Segment& segment, std::uint64_t pointer, unsigned cpl,
               bool code_64bit, std::uint32_t error_code);

  // SIZE is 2, 4 or 8 bytes.
  void push(std::uint64_t value, unsigned size);
  std::uint64_t pop(unsigned size);
  // Reads DEPTH bytes above the top.
  std::uint64_t peek(std::uint64_t depth, unsigned size);
  void skip(std::uint64_t bytes) { move(static_cast<std::int64_t>(bytes)); }
  // Interrupt frames in IA-32e mode start at a multiple of 16.
  void align_16() { pointer_ &= ~std::uint64_t{15}; }

  // The value for RSP: only as many bits as the stack's address size differ from the old pointer.
  std::uint64_t pointer() const { return pointer_; }
  void commit() { cpu_.gpr(x86::Gpr::kRsp) = pointer_; }

 private:
  void move(std::int64_t distance);
  std::uint64_t address(std::uint64_t offset, unsigned size);

  Cpu& cpu_;
  x86::Segment segment_;
  std::uint64_t pointer_;
  std::uint64_t mask_;
  AccessMode mode_;
  std::uint32_t error_code_;
};

}  // namespace orrery::hypervisor::soft
