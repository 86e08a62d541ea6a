// A network for one guest without any privilege on the host: libslirp answers DHCP and DNS and
// turns the guest's TCP, UDP and ICMP into the host process's own sockets.
//
//   10.0.2.0/24, fec0::/64    the guest's network; DHCP gives out 10.0.2.15
//   10.0.2.2                  gateway, and the host itself
//   10.0.2.3                  DNS, forwarded to the host's resolver
//
// Forwards listen on the host and connect to the guest.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/frames.hpp"

namespace orrery::network {

struct PortForward {
  enum class Protocol : std::uint8_t { kTcp, kUdp };

  Protocol protocol = Protocol::kTcp;
  std::string host_address = "127.0.0.1";  // numeric IPv4
  std::uint16_t host_port = 0;
  std::uint16_t guest_port = 0;

  friend bool operator==(const PortForward&, const PortForward&) = default;
};

struct UserNetworkOptions {
  std::vector<PortForward> forwards;
  std::uint16_t mtu = 1500;

  friend bool operator==(const UserNetworkOptions&, const UserNetworkOptions&) = default;
};

Result<std::unique_ptr<port::Frames>> create_user_network(EventLoop& loop,
                                                          const UserNetworkOptions& options);

// The version of libslirp, which is loaded when it is first needed.
Result<std::string> user_network_version();

}  // namespace orrery::network
