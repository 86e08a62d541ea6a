// The bytes of a fuzzer's input, taken as numbers; zeros once they are used up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace orrery::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}

  std::size_t size() const { return bytes_.size(); }  // what is left
  bool empty() const { return bytes_.empty(); }

  template <typename T>
  T take() {
    T value{};
    const std::size_t size = std::min(sizeof value, bytes_.size());
    std::memcpy(&value, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }

  // At most COUNT bytes.
  std::span<const std::uint8_t> take_bytes(std::size_t count) {
    const auto result = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(result.size());
    return result;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

// How many saved states a session with a device makes of INPUT, all of it. One costs as much as all
// else that an input does, so inputs of one length in four make them: a change and a way back.
inline unsigned most_states(const Input& input) {
  return input.size() % 4 == 0 ? 2 : 0;
}

}  // namespace orrery::fuzz
