// What a test puts into a processor and what it finds there afterwards: the registers that ring 3
// sees, in the layout that the host's trampoline loads and stores (host/trampoline.S).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "x86/exceptions.hpp"

namespace orrery::isa {

// FXSAVE's image in 64-bit form (SDM vol. 1, 10.5.1 and vol. 2A, FXSAVE).
struct alignas(16) FxImage {
  struct Register {
    std::uint64_t significand = 0;
    std::uint16_t sign_exponent = 0;
    std::uint16_t reserved[3] = {};

    friend bool operator==(const Register& a, const Register& b) {
      return a.significand == b.significand && a.sign_exponent == b.sign_exponent;
    }
  };

  std::uint16_t control = 0x037f;
  std::uint16_t status = 0;
  std::uint8_t valid = 0;
  std::uint8_t reserved0 = 0;
  std::uint16_t opcode = 0;
  std::uint64_t instruction_pointer = 0;
  std::uint64_t operand_pointer = 0;
  std::uint32_t mxcsr = 0x1f80;
  std::uint32_t mxcsr_mask = 0xffff;
  std::array<Register, 8> st{};                        // ST(i), not R(i)
  std::array<std::array<std::uint64_t, 2>, 16> xmm{};  // lane 0 is the low one
  std::array<std::uint64_t, 12> reserved1{};

  unsigned top() const { return status >> 11 & 7; }
};
static_assert(sizeof(FxImage) == 512);
static_assert(offsetof(FxImage, mxcsr) == 24);
static_assert(offsetof(FxImage, st) == 32);
static_assert(offsetof(FxImage, xmm) == 160);

struct Snapshot {
  FxImage fx;
  std::array<std::uint64_t, 16> gpr{};  // in the machine's order
  std::uint64_t rip = 0;
  std::uint64_t rflags = 0x202;
  std::array<std::array<std::uint64_t, 2>, 16> upper{};  // bits 255..128 of YMM registers
};
static_assert(offsetof(Snapshot, gpr) == 512);

// An exception that ended the test.
struct FaultReport {
  x86::Exception exception{};
  std::uint32_t error_code = 0;
  std::uint64_t address = 0;  // page faults only

  friend bool operator==(const FaultReport&, const FaultReport&) = default;
};

struct Outcome {
  Snapshot state{};
  std::optional<FaultReport> fault{};
  const char* failure = nullptr;  // the executor could not finish: "timeout", "triple fault", ...
};

}  // namespace orrery::isa
