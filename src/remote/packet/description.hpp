// What a server says of a device model when a VM opens it (docs/formats/io-packet.md, "open").
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "remote/packet/identity.hpp"

namespace orrery::remote {

// Of a device with registers of its own.
struct RegisterInterface {
  // A write there that the vCPU need not wait for.
  struct Posted {
    std::uint16_t region = 0;
    std::uint64_t offset = 0;
    friend bool operator==(const Posted&, const Posted&) = default;
  };

  unsigned lines = 0;  // interrupt outputs
  std::vector<Posted> posted;

  friend bool operator==(const RegisterInterface&, const RegisterInterface&) = default;
};

// A virtio device type with its queues, which the VMM gives a transport; or a device with registers
// of its own, which has none of that.
struct Description {
  DeviceId device;
  std::string model;       // "virtio-blk", "uart16550"
  std::uint32_t type = 0;  // virtio 1.2, 5
  std::uint64_t features = 0;
  std::vector<std::uint16_t> queue_sizes;
  std::vector<std::uint8_t> config;
  std::optional<RegisterInterface> registers{};

  friend bool operator==(const Description&, const Description&) = default;
};

std::vector<std::byte> encode(const Description& description);
// Bytes are another host's: everything is checked but what the model's name may be.
Result<Description> decode_description(ByteSpan bytes);

}  // namespace orrery::remote
