#include "device/virtio/net/network.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace orrery::device::virtio {

using namespace net;

Network::Network(port::Frames& port, const NetworkOptions& options)
    : port_(port), options_(options), mac_(options.mac), transmit_stalled_(options.pairs) {
  ORRERY_ASSERT(options.pairs >= 1 && options.pairs <= 16);
  config_.max_virtqueue_pairs = static_cast<std::uint16_t>(options.pairs);
  config_.mtu = options.mtu;
}

Features Network::features() const {
  Features features = kMac | kMergeableBuffers | kStatus | kControlQueue | kControlReceive |
                      kControlVlan | kControlReceiveExtra | kControlMac;
  const port::FrameOffloadSupport support = port_.offload_support();
  if (support.checksum) features |= kChecksum | kGuestChecksum | kControlGuestOffloads;
  if (support.checksum && support.tcp4) features |= kHostTso4 | kGuestTso4;
  if (support.checksum && support.tcp6) features |= kHostTso6 | kGuestTso6;
  if (options_.pairs > 1) features |= kMultiQueue;
  if (options_.mtu != 0) features |= kMtu;
  return features;
}

// 5.1.3.1 Feature bit requirements
bool Network::accepts(Features chosen) const {
  struct Requirement {
    Features any_of;
    Features needs;
  };
  constexpr Requirement kRequirements[] = {
      {kGuestTso4 | kGuestTso6, kGuestChecksum},
      {kHostTso4 | kHostTso6, kChecksum},
      {kControlReceive | kControlVlan | kControlGuestOffloads | kMultiQueue | kControlMac,
       kControlQueue},
      {kControlReceiveExtra, kControlReceive},
  };
  return std::ranges::all_of(kRequirements, [&](const Requirement& requirement) {
    return (chosen & requirement.any_of) == 0 || (chosen & requirement.needs) != 0;
  });
}

ByteSpan Network::config() {
  config_.mac = mac_;
  config_.status = port_.link_up() ? kLinkUp : 0;
  return as_bytes(&config_, sizeof config_);
}

void Network::attach(Core& core) {
  core_ = &core;
  port_.set_callbacks(
      core.host().serialized([this](const port::Frame& frame) { return receive(frame); }),
      core.host().serialized([this] { writable(); }));
}

void Network::start(Features chosen) {
  if ((chosen & kControlVlan) != 0) filter_.filter_vlans();
  apply_guest_offloads(chosen & (kGuestChecksum | kGuestTso4 | kGuestTso6));
}

bool Network::stop() {
  filter_ = {};
  mac_ = options_.mac;
  active_pairs_ = 1;
  apply_guest_offloads(0);
  std::fill(transmit_stalled_.begin(), transmit_stalled_.end(), false);
  resume_receiving();  // what the port still holds is dropped
  return true;
}

unsigned Network::control_queue() const {
  return core_->has(kMultiQueue) ? 2 * options_.pairs : 2;
}

void Network::process(unsigned index) {
  if (index == control_queue()) {
    if (!core_->has(kControlQueue)) return;
    core_->drain(index, [&](Virtqueue& queue) { return control(index, queue); });
  } else if (index % 2 == 1) {
    core_->drain(index, [&](Virtqueue& queue) { return transmit(index / 2, queue); });
  } else {
    // The driver need not tell of more buffers until receive() finds none.
    Virtqueue& queue = core_->queue(index);
    queue.disable_notifications();
    if (!queue.fault().empty()) return core_->fail(queue.fault());
    resume_receiving();
  }
}

}  // namespace orrery::device::virtio
