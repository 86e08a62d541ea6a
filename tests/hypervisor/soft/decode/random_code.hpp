// Bytes that are instructions of 64-bit code more often than chance would have it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

#include "hypervisor/soft/decode/form_key.hpp"

namespace orrery::hypervisor::soft {

using CodeBytes = std::array<std::byte, 15>;

class RandomCode {
 public:
  explicit RandomCode(std::uint32_t seed) : random_(seed) {}

  // Opcodes of all maps, with the prefixes of common code.
  CodeBytes draw_instruction() {
    CodeBytes bytes;
    std::ranges::generate(bytes, [this] { return draw(); });
    static constexpr std::array kFirst = {0x66, 0xf2, 0xf3, 0xf0, 0x64, 0x2e, 0x67};
    std::size_t size = 0;
    if (random_() % 4 == 0) bytes[size++] = std::byte(kFirst[random_() % kFirst.size()]);
    if (random_() % 2 == 0) bytes[size++] = std::byte(0x40 | random_() % 16);
    switch (random_() % 6) {
      case 0: bytes[size++] = std::byte{0x0f}; break;
      case 1: bytes[size++] = std::byte{0x0f}, bytes[size++] = std::byte{0x38}; break;
      case 2: bytes[size++] = std::byte{0x0f}, bytes[size++] = std::byte{0x3a}; break;
      case 3: bytes[size++] = random_() % 2 == 0 ? std::byte{0xc4} : std::byte{0xc5}; break;
      default: break;
    }
    return bytes;
  }

  // Another instance of the form of BYTES.
  void draw_numbers(CodeBytes& bytes) {
    const std::size_t kept = form_key(bytes).value_or(FormKey{}).size;
    for (std::size_t at = kept; at < bytes.size(); ++at) {
      bytes[at] = random_() % 3 == 0 ? std::byte(random_() % 2 * 0xff) : draw();
    }
  }

  // Of an instruction in its block.
  std::uint16_t draw_offset() { return static_cast<std::uint16_t>(random_() % 4096); }

 private:
  std::byte draw() { return static_cast<std::byte>(random_() & 0xff); }

  std::mt19937 random_;
};

}  // namespace orrery::hypervisor::soft
