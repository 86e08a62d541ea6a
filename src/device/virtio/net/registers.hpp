// The network device's face (virtio 1.2, 5.1): features, configuration, packet header, control
// commands.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "device/virtio/registers.hpp"

namespace orrery::device::virtio {

using MacAddress = std::array<std::uint8_t, 6>;

}  // namespace orrery::device::virtio

namespace orrery::device::virtio::net {

// 5.1.3 Feature bits
inline constexpr Features kChecksum = feature(0);
inline constexpr Features kGuestChecksum = feature(1);
inline constexpr Features kControlGuestOffloads = feature(2);
inline constexpr Features kMtu = feature(3);
inline constexpr Features kMac = feature(5);
inline constexpr Features kGuestTso4 = feature(7);
inline constexpr Features kGuestTso6 = feature(8);
inline constexpr Features kHostTso4 = feature(11);
inline constexpr Features kHostTso6 = feature(12);
inline constexpr Features kMergeableBuffers = feature(15);
inline constexpr Features kStatus = feature(16);
inline constexpr Features kControlQueue = feature(17);
inline constexpr Features kControlReceive = feature(18);
inline constexpr Features kControlVlan = feature(19);
inline constexpr Features kControlReceiveExtra = feature(20);
inline constexpr Features kMultiQueue = feature(22);
inline constexpr Features kControlMac = feature(23);

// 5.1.4 struct virtio_net_config
struct Config {
  MacAddress mac;
  std::uint16_t status;
  std::uint16_t max_virtqueue_pairs;
  std::uint16_t mtu;
};
static_assert(sizeof(Config) == 12);
inline constexpr std::uint16_t kLinkUp = 1;

// 5.1.6 struct virtio_net_hdr, before every frame in both directions
struct Header {
  std::uint8_t flags;
  std::uint8_t gso_type;
  std::uint16_t hdr_len;
  std::uint16_t gso_size;
  std::uint16_t csum_start;
  std::uint16_t csum_offset;
  std::uint16_t num_buffers;
};
static_assert(sizeof(Header) == 12);
enum HeaderFlag : std::uint8_t { kNeedsChecksum = 1, kDataValid = 2 };
inline constexpr std::uint8_t kGsoEcn = 0x80;

// 5.1.6.5 struct virtio_net_ctrl: class, command, data; the device writes one byte back.
enum class ControlClass : std::uint8_t {
  kReceive = 0,
  kAddress = 1,
  kVlan = 2,
  kPairs = 4,
  kGuestOffloads = 5,
};
struct ControlHeader {
  ControlClass control_class;
  std::uint8_t command;
};
static_assert(sizeof(ControlHeader) == 2);
enum class Ack : std::uint8_t { kOk = 0, kError = 1 };

enum MacCommand : std::uint8_t { kMacTableSet = 0, kMacAddressSet = 1 };
enum VlanCommand : std::uint8_t { kVlanAdd = 0, kVlanDelete = 1 };
inline constexpr std::uint8_t kPairsSet = 0;
inline constexpr std::uint8_t kGuestOffloadsSet = 0;

// 5.1.6.5.1: the receive modes, numbered as their commands are.
enum class ReceiveMode : std::uint8_t {
  kPromiscuous,
  kAllMulticast,
  kAllUnicast,
  kNoMulticast,
  kNoUnicast,
  kNoBroadcast,
};
inline constexpr unsigned kReceiveModes = 6;

}  // namespace orrery::device::virtio::net
