// Automatic receive steering (virtio 1.2, 5.1.6.5.5): frames of a flow are received on the queue
// pair that the driver last used to send to it.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"

namespace orrery::device::virtio::net {

// A number that is the same for both directions of a TCP or UDP flow over IPv4 or IPv6, and that
// spreads flows; other frames are told apart by their addresses alone, or are all one flow.
std::uint32_t flow_hash(ByteSpan frame);

class FlowTable {
 public:
  void sent(ByteSpan frame, unsigned pair) { at(frame) = static_cast<std::uint8_t>(pair); }
  unsigned pair_for(ByteSpan frame) { return at(frame); }

 private:
  std::uint8_t& at(ByteSpan frame) { return pairs_[flow_hash(frame) % pairs_.size()]; }

  std::array<std::uint8_t, 256> pairs_{};
};

}  // namespace orrery::device::virtio::net
