// virtio-net's control queue (virtio 1.2, 5.1.6.5).
#include <utility>
#include <vector>

#include "device/virtio/net/network.hpp"

namespace orrery::device::virtio {

using namespace net;

Taken Network::control(unsigned index, Virtqueue& queue) {
  const Taken taken = queue.take(chain_);
  if (taken != Taken::kChain) return taken;
  ChainReader reader(core_->host(), chain_);
  ControlHeader header;
  if (chain_.writable_bytes == 0 || !reader.read_object(header)) {
    core_->fail("a control command without a header or room for its answer (5.1.6.5)");
    return Taken::kChain;
  }
  const Ack ack = command(header, reader) ? Ack::kOk : Ack::kError;
  if (!ChainWriter(core_->host(), chain_).write_object(ack)) {
    core_->fail("a control command's answer lies outside of RAM");
    return Taken::kChain;
  }
  core_->settings_changed();
  core_->give(index, chain_, sizeof ack);
  return Taken::kChain;
}

// Each class needs its feature; a command of another class, or one with data missing, is an error.
bool Network::command(const ControlHeader& header, ChainReader& data) {
  switch (header.control_class) {
    case ControlClass::kReceive:
      return core_->has(kControlReceive) && set_receive_mode(header.command, data);
    case ControlClass::kAddress: return set_mac(header.command, data);
    case ControlClass::kVlan: return core_->has(kControlVlan) && set_vlan(header.command, data);
    case ControlClass::kPairs: return core_->has(kMultiQueue) && set_pairs(header.command, data);
    case ControlClass::kGuestOffloads:
      return core_->has(kControlGuestOffloads) && set_guest_offloads(header.command, data);
  }
  return false;
}

bool Network::set_receive_mode(std::uint8_t command, ChainReader& data) {
  std::uint8_t on = 0;
  if (command >= kReceiveModes || !data.read_object(on)) return false;
  const auto mode = static_cast<ReceiveMode>(command);
  if (mode >= ReceiveMode::kAllUnicast && !core_->has(kControlReceiveExtra)) return false;
  filter_.set_mode(mode, on != 0);
  return true;
}

namespace {

// struct virtio_net_ctrl_mac: a count, then the addresses.
bool read_addresses(ChainReader& data, std::vector<MacAddress>& list) {
  std::uint32_t count = 0;
  if (!data.read_object(count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    MacAddress address;
    if (!data.read_object(address)) return false;
    if (list.size() <= ReceiveFilter::kMostAddresses) list.push_back(address);
  }
  return true;
}

}  // namespace

bool Network::set_mac(std::uint8_t command, ChainReader& data) {
  if (command == kMacTableSet && core_->has(kControlReceive)) {
    std::vector<MacAddress> unicast;
    std::vector<MacAddress> multicast;
    if (!read_addresses(data, unicast) || !read_addresses(data, multicast)) return false;
    filter_.set_addresses(std::move(unicast), std::move(multicast));
    return true;
  }
  if (command != kMacAddressSet || !core_->has(kControlMac)) return false;
  MacAddress address;
  if (!data.read_object(address)) return false;
  mac_ = address;
  return true;
}

bool Network::set_vlan(std::uint8_t command, ChainReader& data) {
  std::uint16_t id = 0;
  if (command > kVlanDelete || !data.read_object(id) || id >= ReceiveFilter::kVlans) return false;
  filter_.set_vlan(id, command == kVlanAdd);
  return true;
}

bool Network::set_pairs(std::uint8_t command, ChainReader& data) {
  std::uint16_t pairs = 0;
  if (command != kPairsSet || !data.read_object(pairs)) return false;
  if (pairs == 0 || pairs > options_.pairs) return false;
  active_pairs_ = pairs;
  return true;
}

bool Network::set_guest_offloads(std::uint8_t command, ChainReader& data) {
  Features offloads = 0;
  if (command != kGuestOffloadsSet || !data.read_object(offloads)) return false;
  constexpr Features kAll = kGuestChecksum | kGuestTso4 | kGuestTso6;
  if ((offloads & ~(kAll & core_->chosen())) != 0) return false;
  apply_guest_offloads(offloads);
  return true;
}

void Network::apply_guest_offloads(Features offloads) {
  guest_offloads_ = offloads;
  port_.set_receive_offload({.checksum = (offloads & kGuestChecksum) != 0,
                             .tcp4 = (offloads & kGuestTso4) != 0,
                             .tcp6 = (offloads & kGuestTso6) != 0});
}

}  // namespace orrery::device::virtio
