// The console device's face (virtio 1.2, 5.3): features, configuration, control messages.
#pragma once

#include <cstdint>

#include "device/virtio/registers.hpp"

namespace orrery::device::virtio::console {

// 5.3.3 Feature bits
inline constexpr Features kSize = feature(0);
inline constexpr Features kMultiport = feature(1);
inline constexpr Features kEmergencyWrite = feature(2);

// 5.3.4 struct virtio_console_config
struct Config {
  std::uint16_t cols;
  std::uint16_t rows;
  std::uint32_t max_nr_ports;
  std::uint32_t emerg_wr;
};
static_assert(sizeof(Config) == 12);
inline constexpr std::uint64_t kEmergencyWriteOffset = 8;

// 5.3.2 Virtqueues: receiveq and transmitq of port 0, the two control queues, then of port 1, ...
inline constexpr unsigned kControlReceiveQueue = 2;  // to the driver
inline constexpr unsigned kControlTransmitQueue = 3;

// 5.3.6.2 Multiport Device Operation: struct virtio_console_control, and what may follow it
enum class Event : std::uint16_t {
  kDeviceReady = 0,
  kDeviceAdd = 1,
  kDeviceRemove = 2,
  kPortReady = 3,
  kConsolePort = 4,
  kResize = 5,
  kPortOpen = 6,
  kPortName = 7,
};
inline constexpr unsigned kEvents = 8;
struct Control {
  std::uint32_t id;
  Event event;
  std::uint16_t value;
};
static_assert(sizeof(Control) == 8);
struct Resize {
  std::uint16_t cols;
  std::uint16_t rows;
};

}  // namespace orrery::device::virtio::console
