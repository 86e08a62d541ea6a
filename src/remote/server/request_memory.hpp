// The guest memory that a device model on a server sees: the payload of the requests that it works
// on, each at addresses of its own. Nobody else has it, so all is there without a round trip.
//
// Guarded by the device's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "device/virtio/queue/chain.hpp"
#include "remote/packet/packet.hpp"

namespace orrery::remote {

// A QueueRequest, kept.
struct KeptRequest {
  std::uint64_t tag = 0;
  std::uint32_t packet_bytes = 0;
  std::uint32_t writable = 0;
  std::vector<std::byte>
      bytes;  // what the device may read; in memory, followed by what it may fill
};

// What a device filled of a request, as a QueueResult has it.
struct FilledRequest {
  KeptRequest request;
  std::uint32_t head = 0;
  std::vector<std::byte> data;
};

class RequestMemory {
 public:
  // Whether one more request of that kind fits; a single one always does.
  bool has_room(const KeptRequest& request) const;

  // Puts a request into memory; the chain says where.
  void enter(KeptRequest request, device::virtio::Chain& chain);
  // Takes it out again: with what was filled, or as it was entered.
  FilledRequest leave(const device::virtio::Chain& chain);
  KeptRequest put_back(const device::virtio::Chain& chain);
  // The requests of which the device knows nothing any more. Returns the bytes of their packets.
  std::uint64_t clear();

  // Bytes within one request.
  std::optional<MutableByteSpan> find(GuestPhysical address, std::uint64_t size);
  void note_filled(GuestPhysical address, std::uint64_t size);

  // Of all VMs' requests to one device model: more than usual queues of the largest usual requests
  // take (256 times 1.25 MiB would be more, but are not all there at once).
  static constexpr std::uint64_t kMostBytes = 128_MiB;

 private:
  struct Slot {
    bool busy = false;
    KeptRequest request;
    std::uint32_t readable = 0;
    // What was filled, from the start of the writable part: all before head, and all from tail on.
    std::uint32_t head = 0;
    std::uint32_t tail = 0;
  };

  Slot* slot_at(GuestPhysical address);
  Slot& slot_of(const device::virtio::Chain& chain);
  void release(Slot& slot);

  // By the chain's id; a slot's addresses begin at (number + 1) << 32.
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;
  std::uint64_t bytes_ = 0;
  std::size_t busy_ = 0;
};

}  // namespace orrery::remote
