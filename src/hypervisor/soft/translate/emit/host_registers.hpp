// Where the guest's general-purpose registers are while its code runs translated.
//
//   RAX RCX RDX RBX RBP RSI RDI R8 R9 R12 R13 R14    in the host's registers of the same names
//   RSP                                              in the host's R15
//   R10 R11 R15                                      in memory, in the vCPU's register file
//   in counted mode R14, too, whose register counts down (State::countdown)
//
// The host's RSP stays on the engine's own stack, so that helpers are called as usual, and a signal
// never meets a guest's. R10 and R11 are the engine's temporaries: compilers use these two last,
// and as the base of an address they are encoded without a detour (unlike R12 and R13).
#pragma once

#include <optional>

#include "x86/state.hpp"

namespace orrery::hypervisor::soft::translate {

// By their numbers in encodings.
inline constexpr unsigned kFirstTemporary = 10;
inline constexpr unsigned kSecondTemporary = 11;
inline constexpr unsigned kHostOfRsp = 15;
inline constexpr unsigned kCountdown = 14;

class HostRegisters {
 public:
  // COUNTS: host register R14 is the countdown of instructions, and the guest's is in memory.
  explicit constexpr HostRegisters(bool counts = false) : counts_(counts) {}

  // The host register that holds guest register NUMBER, or nothing where that is memory.
  constexpr std::optional<unsigned> of(unsigned number) const {
    switch (number) {
      case static_cast<unsigned>(x86::Gpr::kRsp): return kHostOfRsp;
      case static_cast<unsigned>(x86::Gpr::kR10):
      case static_cast<unsigned>(x86::Gpr::kR11):
      case static_cast<unsigned>(x86::Gpr::kR15): return std::nullopt;
      case kCountdown: return counts_ ? std::nullopt : std::optional(number);
      default: return number;
    }
  }
  constexpr bool counts() const { return counts_; }

 private:
  bool counts_;
};

}  // namespace orrery::hypervisor::soft::translate
