// virtio-net's way out: from transmit queues to the port (virtio 1.2, 5.1.6.1 and 5.1.6.2).
#include <cstring>

#include "device/virtio/net/network.hpp"

namespace orrery::device::virtio {

using namespace net;

namespace {

constexpr std::size_t kLeastFrame = 14;  // an Ethernet header
// The largest IP packet, with an Ethernet header and two VLAN tags.
constexpr std::size_t kMostFrame = 65535 + 14 + 8;

}  // namespace

// A frame that breaks the rules is dropped, as a card would; a chain that does stops the device.
Taken Network::transmit(unsigned pair, Virtqueue& queue) {
  const Taken taken = queue.take(chain_);
  if (taken != Taken::kChain) return taken;
  Header header;
  if (!ChainReader(core_->host(), chain_).read_object(header)) {
    core_->fail("a frame to transmit has no header, or lies outside of RAM (5.1.6.2)");
    return Taken::kChain;
  }
  const std::uint64_t size = chain_.readable_bytes - sizeof header;
  bool sent = true;
  if (size >= kLeastFrame && size <= kMostFrame) {
    if (!map_range(core_->host(), chain_.readable(), sizeof header, size, DmaDirection::kFromGuest,
                   spans_)) {
      core_->fail("a frame to transmit lies outside of RAM");
      return Taken::kChain;
    }
    ByteSpan bytes = spans_.front().bytes;
    if (spans_.size() > 1) {
      frame_.clear();
      for (const DmaSpan& span : spans_) {
        frame_.insert(frame_.end(), span.bytes.begin(), span.bytes.end());
      }
      bytes = frame_;
    }
    sent = send(pair, header, bytes);
    unmap_all(core_->host(), spans_);
  }
  if (!sent) {
    queue.put_back(chain_);
    transmit_stalled_[pair] = true;
    return Taken::kLater;
  }
  core_->give(transmit_queue(pair), chain_, 0);
  return Taken::kChain;
}

// False when the port has no room now.
bool Network::send(unsigned pair, const Header& header, ByteSpan bytes) {
  port::Frame frame{bytes, {}};
  if (!offload_of(header, bytes.size(), frame.offload)) return true;
  if (!port_.send(frame)) return false;
  if (active_pairs_ > 1) flows_.sent(bytes, pair);
  return true;
}

// False when the header asks for what was not negotiated, or for nonsense.
bool Network::offload_of(const Header& header, std::size_t size,
                         port::FrameOffload& offload) const {
  using Segmentation = port::FrameOffload::Segmentation;
  if ((header.flags & kNeedsChecksum) != 0) {
    const std::size_t field = std::size_t{header.csum_start} + header.csum_offset;
    if (!core_->has(kChecksum) || field + 2 > size) return false;
    offload.needs_checksum = true;
    offload.checksum_start = header.csum_start;
    offload.checksum_offset = header.csum_offset;
  }
  offload.segmentation = static_cast<Segmentation>(header.gso_type);
  if (offload.segmentation == Segmentation::kNone) return true;
  const bool tcp4 = offload.segmentation == Segmentation::kTcp4 && core_->has(kHostTso4);
  const bool tcp6 = offload.segmentation == Segmentation::kTcp6 && core_->has(kHostTso6);
  offload.header_length = header.hdr_len;
  offload.segment_size = header.gso_size;
  return (tcp4 || tcp6) && header.gso_size != 0 && offload.needs_checksum;
}

void Network::writable() {
  for (unsigned pair = 0; pair < options_.pairs; ++pair) {
    if (!transmit_stalled_[pair]) continue;
    transmit_stalled_[pair] = false;
    process(transmit_queue(pair));
  }
}

}  // namespace orrery::device::virtio
