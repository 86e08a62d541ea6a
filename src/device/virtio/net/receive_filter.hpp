// Which frames a virtio-net driver wants to see: receive modes, MAC addresses, VLANs (virtio 1.2,
// 5.1.6.5.1 to 5.1.6.5.3).
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "device/device.hpp"
#include "device/virtio/net/registers.hpp"

namespace orrery::device::virtio::net {

class ReceiveFilter {
 public:
  // A list longer than this counts as "all of them", as on real cards.
  static constexpr std::size_t kMostAddresses = 64;
  static constexpr unsigned kVlans = 4096;

  // Accepts everything, until a driver chooses.
  ReceiveFilter() { modes_.set(static_cast<unsigned>(ReceiveMode::kPromiscuous)); }

  // FRAME starts with the destination's MAC address; OWN is the card's.
  bool accepts(ByteSpan frame, const MacAddress& own) const;

  void set_mode(ReceiveMode mode, bool on) { modes_.set(static_cast<unsigned>(mode), on); }
  void set_addresses(std::vector<MacAddress> unicast, std::vector<MacAddress> multicast);
  // Tagged frames are held against the VLAN table only after this.
  void filter_vlans() { vlans_filtered_ = true; }
  void set_vlan(std::uint16_t id, bool wanted) { vlans_.set(id % kVlans, wanted); }

  State save() const;
  // Throws as read_state() expects.
  static ReceiveFilter from(const State& state);

 private:
  bool mode(ReceiveMode mode) const { return modes_.test(static_cast<unsigned>(mode)); }
  bool accepts_vlan(ByteSpan frame) const;

  std::bitset<kReceiveModes> modes_;
  std::vector<MacAddress> unicast_;
  std::vector<MacAddress> multicast_;
  bool vlans_filtered_ = false;
  std::bitset<kVlans> vlans_;
};

}  // namespace orrery::device::virtio::net
