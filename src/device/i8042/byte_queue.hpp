// The bytes that a PS/2 device wants to send, as many as its buffer holds.
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>

namespace orrery::device::i8042 {

class ByteQueue {
 public:
  static constexpr std::size_t kCapacity = 16;  // of the keyboard's buffer (IBM, "Keyboard Buffer")

  bool empty() const { return bytes_.empty(); }
  std::size_t room() const { return kCapacity - bytes_.size(); }
  void clear() { bytes_.clear(); }
  void push(std::initializer_list<std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) {
      if (room() > 0) bytes_.push_back(byte);
    }
  }
  std::optional<std::uint8_t> pop() {
    if (bytes_.empty()) return std::nullopt;
    const std::uint8_t byte = bytes_.front();
    bytes_.pop_front();
    return byte;
  }

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("bytes", self.bytes_);
  }
  bool valid() const { return bytes_.size() <= kCapacity; }

 private:
  std::deque<std::uint8_t> bytes_;
};

}  // namespace orrery::device::i8042
