// Virtqueues in guest memory, byte for byte (virtio 1.2, 2.7 split and 2.8 packed). All fields are
// little-endian; structures are copied in and out, never overlaid.
#pragma once

#include <cstdint>

namespace orrery::device::virtio {

// The largest queue (2.6): sizes are 1 to 32768; ours offer far less.
inline constexpr std::uint16_t kLargestQueue = 32768;

// Descriptors that an indirect table may hold. The specification allows as many as the queue has
// (2.7.5.3.1); drivers that use indirect tables ask for more when the queue is small, so a small
// queue gets this many, which bounds the work that one chain can cause.
inline constexpr unsigned kIndirectLimit = 1024;

enum DescriptorFlag : std::uint16_t {
  kNext = 1u << 0,
  kWrite = 1u << 1,
  kIndirect = 1u << 2,
  kPackedAvailable = 1u << 7,  // 2.8.1
  kPackedUsed = 1u << 15,
};

// 2.7.5 The Virtqueue Descriptor Table
struct SplitDescriptor {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t flags;
  std::uint16_t next;
};
static_assert(sizeof(SplitDescriptor) == 16);

// 2.8.13 Virtqueue Descriptor format of a packed ring
struct PackedDescriptor {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t id;
  std::uint16_t flags;
};
static_assert(sizeof(PackedDescriptor) == 16);
inline constexpr unsigned kPackedLengthOffset = 8;
inline constexpr unsigned kPackedFlagsOffset = 14;

// 2.7.6 available ring and 2.7.8 used ring: flags, idx, the ring, then the other side's event.
inline constexpr unsigned kRingFlags = 0;
inline constexpr unsigned kRingIndex = 2;
inline constexpr unsigned kRingEntries = 4;
inline constexpr unsigned kAvailableEntrySize = 2;
struct UsedElement {
  std::uint32_t id;
  std::uint32_t length;
};
static_assert(sizeof(UsedElement) == 8);
inline constexpr std::uint16_t kAvailableNoInterrupt = 1;  // VIRTQ_AVAIL_F_NO_INTERRUPT
inline constexpr std::uint16_t kUsedNoNotify = 1;          // VIRTQ_USED_F_NO_NOTIFY

// 2.8.14 Event suppression: bits 14..0 descriptor offset, bit 15 wrap counter; then the flags.
struct PackedEvent {
  std::uint16_t place;
  std::uint16_t flags;
};
static_assert(sizeof(PackedEvent) == 4);
inline constexpr std::uint16_t kPackedWrap = 1u << 15;
enum PackedEventFlag : std::uint16_t { kEventEnable = 0, kEventDisable = 1, kEventPlace = 2 };

}  // namespace orrery::device::virtio
