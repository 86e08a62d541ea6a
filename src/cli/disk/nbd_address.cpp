#include "cli/disk/nbd_address.hpp"

#include <cctype>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/format.hpp"
#include "base/sockets/listening_socket.hpp"

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

}  // namespace

Result<NbdAddress> nbd_address(int listener, const std::string& name) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail_errno("cannot tell where it listens");
  }
  if (storage.ss_family != AF_UNIX) {
    ORRERY_TRY(const TcpAddress address, tcp_address(listener));
    return NbdAddress{format("nbd://{}/{}", address.text, percent_encoded(name)),
                      address.only_this_host};
  }
  const auto& address = reinterpret_cast<const sockaddr_un&>(storage);
  return NbdAddress{
      format("nbd+unix:///{}?socket={}", percent_encoded(name), percent_encoded(address.sun_path)),
      true};
}

}  // namespace orrery::cli::disk
