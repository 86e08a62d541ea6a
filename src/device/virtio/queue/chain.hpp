// One request of a driver: a chain of descriptors, taken from a virtqueue (virtio 1.2, 2.6).
//
// A chain holds addresses; nothing has been read yet. ChainReader and ChainWriter copy, map_range()
// gives the bytes in place. All of them refuse what is not guest RAM.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "device/device.hpp"
#include "device/host.hpp"

namespace orrery::device::virtio {

struct Segment {
  GuestPhysical address;
  std::uint32_t length = 0;
};

struct Chain {
  std::uint16_t id = 0;     // split: index of the head; packed: buffer id
  std::uint16_t slots = 1;  // packed: descriptors it takes up in the ring
  std::uint32_t readable_segments = 0;
  std::uint64_t readable_bytes = 0;
  std::uint64_t writable_bytes = 0;
  std::vector<Segment> segments;  // device-readable ones first (2.7.4.2)

  std::span<const Segment> readable() const { return {segments.data(), readable_segments}; }
  std::span<const Segment> writable() const {
    return std::span(segments).subspan(readable_segments);
  }

  // Empties it and keeps its memory, so that a chain that is reused allocates nothing.
  void clear();
  // False when a device-readable segment follows a writable one.
  [[nodiscard]] bool add(const Segment& segment, bool device_writable);

  State save() const;
  // Throws as read_state() expects.
  static Chain from(const State& state);
};

// Copies the device-readable bytes in order.
class ChainReader {
 public:
  ChainReader(Host& host, const Chain& chain) : host_(host), segments_(chain.readable()) {}

  // Fills DESTINATION; false when fewer bytes are left or they are not RAM.
  [[nodiscard]] bool read(MutableByteSpan destination);
  template <typename T>
  [[nodiscard]] bool read_object(T& value) {
    return read(std::as_writable_bytes(std::span(&value, 1)));
  }
  // Passes over bytes; false when fewer are left.
  [[nodiscard]] bool skip(std::uint64_t count);

 private:
  Host& host_;
  std::span<const Segment> segments_;
  std::uint64_t offset_ = 0;  // within the first of segments_
};

// Fills the device-writable bytes in order.
class ChainWriter {
 public:
  ChainWriter(Host& host, const Chain& chain) : host_(host), segments_(chain.writable()) {}

  // Writes all of SOURCE; false when there is less room or it is not RAM.
  [[nodiscard]] bool write(ByteSpan source);
  template <typename T>
  [[nodiscard]] bool write_object(const T& value) {
    return write(as_bytes(&value, sizeof value));
  }
  // Passes over bytes that stay as they are.
  [[nodiscard]] bool skip(std::uint64_t count);
  std::uint64_t written() const { return written_; }

 private:
  Host& host_;
  std::span<const Segment> segments_;
  std::uint64_t offset_ = 0;
  std::uint64_t written_ = 0;
};

// Appends to SPANS the bytes SKIP to SKIP + LENGTH of SEGMENTS, in place: one dma_map for each
// segment touched. On failure nothing stays mapped and SPANS is as it was.
[[nodiscard]] bool map_range(Host& host, std::span<const Segment> segments, std::uint64_t skip,
                             std::uint64_t length, DmaDirection direction,
                             std::vector<DmaSpan>& spans);
// Unmaps all of SPANS and empties it.
void unmap_all(Host& host, std::vector<DmaSpan>& spans);

}  // namespace orrery::device::virtio
