// Little- and big-endian loads and stores, and bounds-checked readers and writers over byte spans.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

namespace orrery {

using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

static_assert(std::endian::native == std::endian::little,
              "a big-endian host needs byte swaps in load_le and store_le");

template <std::integral T>
T load_le(const void* source) {
  T value;
  std::memcpy(&value, source, sizeof value);
  return value;
}

template <std::integral T>
void store_le(void* destination, T value) {
  std::memcpy(destination, &value, sizeof value);
}

template <std::integral T>
T load_be(const void* source) {
  return std::byteswap(load_le<T>(source));
}

template <std::integral T>
void store_be(void* destination, T value) {
  store_le(destination, std::byteswap(value));
}

inline ByteSpan as_bytes(const void* data, std::size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

// Reads fields in order from bytes that may be too short; `nullopt` says so, and nothing is read
// past the end.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> read() {
    if (remaining() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof value);
    position_ += sizeof value;
    return value;
  }

  std::optional<ByteSpan> read_bytes(std::size_t count) {
    if (remaining() < count) return std::nullopt;
    const ByteSpan result = bytes_.subspan(position_, count);
    position_ += count;
    return result;
  }

  bool seek(std::size_t position) {
    if (position > bytes_.size()) return false;
    position_ = position;
    return true;
  }

 private:
  ByteSpan bytes_;
  std::size_t position_ = 0;
};

// Appends fields in order to a growing buffer.
class ByteWriter {
 public:
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void write(const T& value) {
    write_bytes(as_bytes(&value, sizeof value));
  }

  void write_bytes(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  std::size_t size() const { return bytes_.size(); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace orrery
