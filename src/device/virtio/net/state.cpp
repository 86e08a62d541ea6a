// Save and restore of virtio-net: what its driver chose by the control queue. Chains are never held
// between two calls, so none is in flight.
#include "device/saved_state.hpp"
#include "device/virtio/net/network.hpp"

namespace orrery::device::virtio {

State Network::save() const {
  return {{"filter", filter_.save()},
          {"mac", mac_},
          {"pairs", active_pairs_},
          {"guest_offloads", guest_offloads_}};
}

void Network::restore(const State& state, Features chosen) {
  net::ReceiveFilter filter = net::ReceiveFilter::from(state.at("filter"));
  const auto mac = state.at("mac").get<MacAddress>();
  const auto pairs = state.at("pairs").get<unsigned>();
  const auto offloads = state.at("guest_offloads").get<Features>();
  if (pairs == 0 || pairs > options_.pairs || (offloads & ~chosen) != 0) {
    throw std::runtime_error("the driver's settings do not fit this device");
  }
  filter_ = std::move(filter);
  mac_ = mac;
  active_pairs_ = pairs;
  apply_guest_offloads(offloads);
  receive_stalled_ = true;  // whatever the port holds, it may offer now
  resume_receiving();
}

}  // namespace orrery::device::virtio
