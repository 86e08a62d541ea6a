// Encodes a decoded guest instruction anew: the same operation over other registers, with its
// memory operand behind a host register. Everything else (opcode, prefixes that matter, immediates,
// vector length) is taken over byte by byte, so that one function serves all instruction sets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft::translate {

// What to encode instead of what the guest's instruction names; nothing: the same.
struct Substitution {
  std::optional<unsigned> reg{};          // ModRM.reg
  std::optional<unsigned> rm{};           // ModRM.rm as a register
  std::optional<unsigned> opcode{};       // the register in an opcode's low three bits
  std::optional<unsigned> vvvv{};         // VEX.vvvv
  std::optional<unsigned> memory_base{};  // the memory operand is [this register + displacement]
  std::int8_t memory_displacement = 0;
};

struct Encoding {
  std::array<std::byte, 18> bytes;
  std::size_t size = 0;

  void append(std::uint8_t byte) { bytes[size++] = std::byte{byte}; }
  std::span<const std::byte> span() const { return {bytes.data(), size}; }
};

// CODE holds the instruction's bytes. Instructions are legacy- or VEX-encoded; with a memory
// operand they have a ModRM byte, and `memory_base` must then be given.
Encoding rewrite(const Decoded& decoded, ByteSpan code, const Substitution& substitution);

}  // namespace orrery::hypervisor::soft::translate
