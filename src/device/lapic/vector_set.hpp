// A set of interrupt vectors, as IRR, ISR and TMR hold it: 256 bits in eight registers (SDM vol.
// 3A, figure 11-20).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

namespace orrery::device::lapic {

class VectorSet {
 public:
  bool contains(std::uint8_t vector) const { return (words_[vector / 32] & mask(vector)) != 0; }
  void insert(std::uint8_t vector) { words_[vector / 32] |= mask(vector); }
  void erase(std::uint8_t vector) { words_[vector / 32] &= ~mask(vector); }
  void set(std::uint8_t vector, bool present) { present ? insert(vector) : erase(vector); }

  std::optional<std::uint8_t> highest() const {
    for (unsigned i = words_.size(); i-- > 0;) {
      if (words_[i] != 0) {
        return static_cast<std::uint8_t>(i * 32 + 31 -
                                         static_cast<unsigned>(std::countl_zero(words_[i])));
      }
    }
    return std::nullopt;
  }
  std::uint32_t word(unsigned index) const { return words_[index]; }

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("words", self.words_);
  }

 private:
  static std::uint32_t mask(std::uint8_t vector) { return 1u << vector % 32; }

  std::array<std::uint32_t, 8> words_{};
};

}  // namespace orrery::device::lapic
