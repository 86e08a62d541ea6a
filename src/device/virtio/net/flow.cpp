#include "device/virtio/net/flow.hpp"

#include <cstddef>

namespace orrery::device::virtio::net {
namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kVlanTag = 4;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

std::uint32_t byte(ByteSpan bytes, std::size_t offset) {
  return std::to_integer<std::uint32_t>(bytes[offset]);
}

std::uint32_t half(ByteSpan bytes, std::size_t offset) {
  return (byte(bytes, offset) << 8) | byte(bytes, offset + 1);
}

// Exclusive or of the 16-bit words of a range: source and destination change places freely.
std::uint32_t fold(ByteSpan bytes, std::size_t offset, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < size; i += 2) sum ^= half(bytes, offset + i);
  return sum;
}

std::uint32_t spread(std::uint32_t addresses, std::uint32_t ports) {
  // Fibonacci hashing: the multiplier is 2^32 divided by the golden ratio.
  return ((addresses << 16 | ports) * 0x9E37'79B1u) >> 16;
}

std::uint32_t ports_of(ByteSpan packet, std::size_t offset, std::uint32_t protocol) {
  if ((protocol != kTcp && protocol != kUdp) || packet.size() < offset + 4) return 0;
  return fold(packet, offset, 4);
}

std::uint32_t hash_ipv4(ByteSpan packet) {
  if (packet.size() < 20) return 0;
  const std::size_t header = (byte(packet, 0) & 0x0F) * 4;
  const bool fragment = (half(packet, 6) & 0x3FFF) != 0;
  const std::uint32_t ports = fragment ? 0 : ports_of(packet, header, byte(packet, 9));
  return spread(fold(packet, 12, 8), ports);
}

std::uint32_t hash_ipv6(ByteSpan packet) {
  if (packet.size() < 40) return 0;
  return spread(fold(packet, 8, 32), ports_of(packet, 40, byte(packet, 6)));
}

}  // namespace

std::uint32_t flow_hash(ByteSpan frame) {
  if (frame.size() < kEthernetHeader + kVlanTag) return 0;
  std::size_t header = kEthernetHeader;
  std::uint32_t type = half(frame, 12);
  if (type == 0x8100) {
    type = half(frame, 16);
    header += kVlanTag;
  }
  const ByteSpan packet = frame.subspan(header);
  if (type == 0x0800) return hash_ipv4(packet);
  if (type == 0x86DD) return hash_ipv6(packet);
  return 0;
}

}  // namespace orrery::device::virtio::net
