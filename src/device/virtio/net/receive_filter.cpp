#include "device/virtio/net/receive_filter.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

namespace orrery::device::virtio::net {
namespace {

constexpr MacAddress kBroadcast{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
constexpr std::uint8_t kGroupBit = 1;  // IEEE 802, of the first byte: multicast

// IEEE 802.1Q: the tag's type after the two addresses, then 12 bits of identifier.
constexpr std::size_t kTypeOffset = 12;
constexpr std::size_t kTagOffset = 14;
constexpr std::uint16_t kTagType = 0x8100;

std::uint16_t big_endian(ByteSpan bytes, std::size_t offset) {
  return static_cast<std::uint16_t>((std::to_integer<unsigned>(bytes[offset]) << 8) |
                                    std::to_integer<unsigned>(bytes[offset + 1]));
}

bool contains(const std::vector<MacAddress>& list, const MacAddress& address) {
  return list.size() > ReceiveFilter::kMostAddresses ||
         std::ranges::find(list, address) != list.end();
}

}  // namespace

bool ReceiveFilter::accepts(ByteSpan frame, const MacAddress& own) const {
  MacAddress destination;
  if (frame.size() < kTagOffset) return false;
  if (mode(ReceiveMode::kPromiscuous)) return true;
  if (!accepts_vlan(frame)) return false;
  std::memcpy(destination.data(), frame.data(), destination.size());
  if (destination == kBroadcast) return !mode(ReceiveMode::kNoBroadcast);
  if ((destination[0] & kGroupBit) != 0) {
    if (mode(ReceiveMode::kNoMulticast)) return false;
    return mode(ReceiveMode::kAllMulticast) || contains(multicast_, destination);
  }
  if (mode(ReceiveMode::kNoUnicast)) return false;
  return mode(ReceiveMode::kAllUnicast) || destination == own || contains(unicast_, destination);
}

bool ReceiveFilter::accepts_vlan(ByteSpan frame) const {
  if (!vlans_filtered_ || big_endian(frame, kTypeOffset) != kTagType) return true;
  if (frame.size() < kTagOffset + 2) return false;
  return vlans_.test(big_endian(frame, kTagOffset) % kVlans);
}

void ReceiveFilter::set_addresses(std::vector<MacAddress> unicast,
                                  std::vector<MacAddress> multicast) {
  unicast_ = std::move(unicast);
  multicast_ = std::move(multicast);
}

State ReceiveFilter::save() const {
  std::vector<unsigned> vlans;
  for (unsigned id = 0; id < kVlans; ++id) {
    if (vlans_.test(id)) vlans.push_back(id);
  }
  return {{"modes", modes_.to_ulong()},
          {"unicast", unicast_},
          {"multicast", multicast_},
          {"vlans_filtered", vlans_filtered_},
          {"vlans", vlans}};
}

ReceiveFilter ReceiveFilter::from(const State& state) {
  ReceiveFilter filter;
  filter.modes_ = state.at("modes").get<std::uint8_t>();
  filter.unicast_ = state.at("unicast").get<std::vector<MacAddress>>();
  filter.multicast_ = state.at("multicast").get<std::vector<MacAddress>>();
  filter.vlans_filtered_ = state.at("vlans_filtered").get<bool>();
  for (const auto id : state.at("vlans").get<std::vector<std::uint16_t>>()) {
    filter.set_vlan(id, true);
  }
  return filter;
}

}  // namespace orrery::device::virtio::net
