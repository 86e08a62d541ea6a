// virtio-net's way in: from the port into the driver's receive buffers (virtio 1.2, 5.1.6.3 and
// 5.1.6.4).
#include <algorithm>
#include <utility>

#include "device/virtio/net/network.hpp"

namespace orrery::device::virtio {

using namespace net;

// False: no buffers now; the port keeps the frame until resume().
bool Network::receive(const port::Frame& frame) {
  if (!core_->live() || !filter_.accepts(frame.bytes, mac_)) return true;
  if (!offload_allowed(frame.offload)) return true;
  const unsigned pair =
      active_pairs_ > 1 ? std::min(flows_.pair_for(frame.bytes), active_pairs_ - 1) : 0;
  const unsigned index = receive_queue(pair);
  Virtqueue& queue = core_->queue(index);
  if (!queue.live()) return true;
  switch (gather(queue, sizeof(Header) + frame.bytes.size())) {
    case Taken::kChain:
      if (!fill(index, frame)) core_->fail("a receive buffer lies outside of RAM");
      return true;
    case Taken::kNone: receive_stalled_ = true; return false;
    case Taken::kBroken: core_->fail(queue.fault()); return true;
    case Taken::kLater: break;
  }
  return true;  // it fits into no buffer of this driver: dropped
}

// Takes chains for NEEDED bytes: one, or with mergeable buffers as many as it takes. kLater: the
// frame can never fit.
Taken Network::gather(Virtqueue& queue, std::uint64_t needed) {
  gathered_ = 0;
  std::uint64_t room = 0;
  while (room < needed) {
    const bool full =
        gathered_ > 0 && (!core_->has(kMergeableBuffers) || gathered_ == queue.setup().size);
    if (full) {
      put_back_all(queue);
      return Taken::kLater;
    }
    if (gathered_ == chains_.size()) chains_.emplace_back();
    const Taken taken = take_or_wait(queue, chains_[gathered_]);
    if (taken != Taken::kChain) {
      put_back_all(queue);
      return taken;
    }
    room += chains_[gathered_++].writable_bytes;
  }
  return Taken::kChain;
}

// Leaves the driver's notifications on when it answers kNone.
Taken Network::take_or_wait(Virtqueue& queue, Chain& chain) {
  const Taken taken = queue.take(chain);
  if (taken != Taken::kNone) return taken;
  if (queue.enable_notifications()) {
    queue.disable_notifications();
    return queue.take(chain);
  }
  return queue.fault().empty() ? Taken::kNone : Taken::kBroken;
}

void Network::put_back_all(Virtqueue& queue) {
  while (gathered_ > 0) queue.put_back(chains_[--gathered_]);
}

// 5.1.6.3.2: num_buffers chains, each but the last filled to its end.
bool Network::fill(unsigned index, const port::Frame& frame) {
  const port::FrameOffload& offload = frame.offload;
  Header header{};
  if (offload.needs_checksum) header.flags = kNeedsChecksum;
  if (offload.checksum_is_valid && core_->has(kGuestChecksum)) header.flags |= kDataValid;
  header.gso_type = static_cast<std::uint8_t>(offload.segmentation);
  header.hdr_len = offload.header_length;
  header.gso_size = offload.segment_size;
  header.csum_start = offload.checksum_start;
  header.csum_offset = offload.checksum_offset;
  header.num_buffers = static_cast<std::uint16_t>(gathered_);

  ByteSpan head = as_bytes(&header, sizeof header);
  ByteSpan body = frame.bytes;
  for (std::size_t i = 0; i < gathered_; ++i) {
    const Chain& chain = chains_[i];
    ChainWriter writer(core_->host(), chain);
    for (ByteSpan* part : {&head, &body}) {
      const std::size_t size =
          std::min<std::uint64_t>(part->size(), chain.writable_bytes - writer.written());
      if (!writer.write(part->first(size))) return false;
      *part = part->subspan(size);
    }
    core_->give(index, chain, static_cast<std::uint32_t>(writer.written()));
  }
  return true;
}

bool Network::offload_allowed(const port::FrameOffload& offload) const {
  using Segmentation = port::FrameOffload::Segmentation;
  if (offload.needs_checksum && (guest_offloads_ & kGuestChecksum) == 0) return false;
  switch (offload.segmentation) {
    case Segmentation::kNone: return true;
    case Segmentation::kTcp4: return (guest_offloads_ & kGuestTso4) != 0;
    case Segmentation::kTcp6: return (guest_offloads_ & kGuestTso6) != 0;
    case Segmentation::kUdp: break;
  }
  return false;
}

void Network::resume_receiving() {
  if (std::exchange(receive_stalled_, false)) port_.resume();
}

}  // namespace orrery::device::virtio
