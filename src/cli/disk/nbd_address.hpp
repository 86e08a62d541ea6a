// How clients call what is served on a listening socket (NBD's doc/uri.md).
#pragma once

#include <string>

#include "base/error.hpp"

namespace orrery::cli::disk {

struct NbdAddress {
  std::string uri;              // with the port that the host chose
  bool only_this_host = false;  // a Unix socket, or a loopback address
};
Result<NbdAddress> nbd_address(int listener, const std::string& name);

}  // namespace orrery::cli::disk
