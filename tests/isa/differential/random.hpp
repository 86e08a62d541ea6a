// A small reproducible generator (SplitMix64, Steele et al. 2014) and the choices made from it.
// Each sequence has a generator of its own, seeded by run seed and number, so any can be made again
// alone.
#pragma once

#include <cstdint>
#include <span>

namespace orrery::isa::differential {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
    return z ^ z >> 31;
  }
  // 0 to LIMIT - 1.
  std::uint64_t below(std::uint64_t limit) {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(next()) * limit >> 64);
  }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool percent(unsigned chance) { return below(100) < chance; }
  template <typename T>
  const T& pick(std::span<const T> choices) {
    return choices[below(choices.size())];
  }
  template <typename T, std::size_t count>
  const T& pick(const T (&choices)[count]) {
    return choices[below(count)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace orrery::isa::differential
