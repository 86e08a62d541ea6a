// Which server a store is asked of, and how it and we show who we are. Shared by all connections to
// it.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "remote/tls/credentials.hpp"
#include "store/remote/remote_name.hpp"

namespace orrery::store::remote {

struct StoreServer {
  // In the clear.
  StoreServer(TcpServer tcp) : address(std::move(tcp)) {}  // NOLINT(google-explicit-constructor)

  TcpServer address;
  // By TLS: who we are, and the host's name or address that its certificate has to have.
  std::optional<orrery::remote::tls::Credentials> credentials;
  std::string host;
};

// CERTIFICATE: a file, as `orrery certificate create` makes it; empty: no TLS. Waits for name
// servers.
Result<StoreServer> find_store_server(const RemoteName& name, const std::string& certificate);

}  // namespace orrery::store::remote
