#include "cli/disk/nbd_address.hpp"

#include <array>
#include <cctype>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/format.hpp"

namespace orrery::cli::disk {
namespace {

// RFC 3986, 2.1; with the slashes of paths.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain = "-._~/";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        byte < 0x80 && (std::isalnum(byte) != 0 || kPlain.find(c) != std::string_view::npos);
    encoded += plain ? std::string(1, c) : format("%{:02X}", byte);
  }
  return encoded;
}

bool is_loopback(const in6_addr& address) {
  return std::memcmp(&address, &in6addr_loopback, sizeof address) == 0;
}

bool is_loopback(const in_addr& address) {
  return (ntohl(address.s_addr) >> 24) == IN_LOOPBACKNET;
}

template <typename Address>
NbdAddress tcp_address(int family, const Address& address, in_port_t port,
                       const std::string& name) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, &address, text.data(), text.size());
  const std::string host = family == AF_INET6 ? format("[{}]", text.data()) : text.data();
  return {format("nbd://{}:{}/{}", host, ntohs(port), percent_encoded(name)), is_loopback(address)};
}

}  // namespace

Result<NbdAddress> nbd_address(int listener, const std::string& name) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail_errno("cannot tell where it listens");
  }
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    return tcp_address(AF_INET, address.sin_addr, address.sin_port, name);
  }
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    return tcp_address(AF_INET6, address.sin6_addr, address.sin6_port, name);
  }
  const auto& address = reinterpret_cast<const sockaddr_un&>(storage);
  return NbdAddress{
      format("nbd+unix:///{}?socket={}", percent_encoded(name), percent_encoded(address.sun_path)),
      true};
}

}  // namespace orrery::cli::disk
