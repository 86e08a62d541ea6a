// The x87 unit during one instruction: the register stack with its faults, rounding as the control
// word says, exceptions into the status word (SDM vol. 1, chapter 8).
//
// An instruction that computes begins with begin(), fetches its memory operand, and only then makes
// a Unit: making one records the instruction (FOP, FIP, FDP) and clears C1.
#pragma once

#include <cstdint>

#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"
#include "hypervisor/soft/fpu/soft_float/round.hpp"
#include "hypervisor/soft/fpu/x87/words.hpp"
#include "hypervisor/soft/interpret/handler.hpp"

namespace orrery::hypervisor::soft::x87 {

using soft_float::Context;
using soft_float::Exact;
using soft_float::Extended;
using soft_float::Number;
using soft_float::Shape;
using x86::Float80;

inline constexpr Float80 kIndefinite{0xc000'0000'0000'0000, 0xffff};

// #NM with CR0.EM or CR0.TS.
inline void require_unit(Cpu& cpu) {
  if ((cpu.state.cr0 & (x86::cr0::kEmulation | x86::cr0::kTaskSwitched)) != 0) [[unlikely]] {
    cpu.raise(x86::Exception::kDeviceNotAvailable);
  }
}

// #MF where an earlier instruction left an unmasked exception. With CR0.NE clear a processor would
// assert FERR# for an external interrupt controller to turn into IRQ 13; nothing is connected to
// that pin, so execution goes on.
inline void report_pending(Cpu& cpu) {
  if ((cpu.state.x87.status & status::kErrorSummary) != 0 &&
      (cpu.state.cr0 & x86::cr0::kNumericError) != 0) [[unlikely]] {
    cpu.raise(x86::Exception::kX87FloatingPoint);
  }
}

// What all but the FN... instructions begin with.
inline void begin(Cpu& cpu) {
  require_unit(cpu);
  report_pending(cpu);
}

// Rounding and masks as the control word has them.
Context context_of(const x86::X87& unit);

enum class Operand : std::uint8_t { kStack, kMemory };

// Whether an instruction clears C1 where nothing sets it (all but FCOMI, FCMOVcc, FNOP).
enum class C1 : std::uint8_t { kCleared, kKept };

class Unit {
 public:
  Unit(Cpu& cpu, const Instruction& i, Operand operand, C1 c1 = C1::kCleared);

  bool empty(unsigned i) const { return ((x87_.valid >> physical(x87_, i)) & 1u) == 0; }
  const Float80& st(unsigned i) const { return x87_.registers[physical(x87_, i)]; }
  Number number(unsigned i) const { return soft_float::unpack<Extended>(st(i)); }
  void set(unsigned i, const Float80& value) {
    const unsigned n = physical(x87_, i);
    x87_.registers[n] = value;
    x87_.valid = static_cast<std::uint8_t>(x87_.valid | (1u << n));
  }
  void free(unsigned i) {
    x87_.valid = static_cast<std::uint8_t>(x87_.valid & ~(1u << physical(x87_, i)));
  }
  void pop(unsigned count = 1) {
    for (; count != 0; --count) {
      free(0);
      rotate(1);
    }
  }
  // Onto the stack without a look at what was there.
  void push(const Float80& value) {
    rotate(-1);
    set(0, value);
  }
  void rotate(int distance) { set_top(x87_, top(x87_) + static_cast<unsigned>(distance)); }

  Context context() const { return context_of(x87_); }
  // Precision control: add, subtract, multiply, divide and square root only.
  Shape shape() const;

  // Flags of a computation into the status word, C1 from rounding. False where an unmasked
  // exception found before computing forbids a result.
  bool commit(const Context& context);

  // An operand register is empty, or the one to push into is not. True where the masked response,
  // the indefinite, is wanted; otherwise nothing may change.
  bool underflow() { return stack_fault(0); }
  bool overflow() { return stack_fault(status::kC1); }

  void set_conditions(std::uint16_t bits) {
    x87_.status = static_cast<std::uint16_t>((x87_.status & ~status::kConditions) | bits);
  }
  x86::X87& state() { return x87_; }

 private:
  bool stack_fault(std::uint16_t c1);

  x86::X87& x87_;
  C1 c1_;
};

// Pushes VALUE, which an instruction has loaded or made.
void push_checked(Unit& unit, const Float80& value);

}  // namespace orrery::hypervisor::soft::x87
