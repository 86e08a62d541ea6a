// A block request on its way: from the queue, through the port, and back.
#pragma once

#include <cstdint>
#include <vector>

#include "device/host.hpp"
#include "device/virtio/block/registers.hpp"
#include "device/virtio/queue/chain.hpp"

namespace orrery::device::virtio {

class Block;

// Requests are pooled and used again, so that a usual one allocates only the buffer list that it
// hands to the port.
struct BlockJob {
  Block* owner = nullptr;
  unsigned queue = 0;
  Chain chain;
  std::uint32_t type = 0;
  std::uint64_t data_bytes = 0;  // between header and status
  std::vector<DmaSpan> spans;
  unsigned waiting_for = 0;  // completions of the port
  bool busy = false;
  bool flushing = false;  // a write that is made durable before it completes
  block::Status status = block::Status::kOk;
};

}  // namespace orrery::device::virtio
