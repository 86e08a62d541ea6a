#include "store/remote/store_server.hpp"

namespace orrery::store::remote {

Result<StoreServer> find_store_server(const RemoteName& name, const std::string& certificate) {
  ORRERY_TRY(TcpServer address, find_tcp_server(name.host, name.port));
  StoreServer server(std::move(address));
  if (certificate.empty()) return server;
  ORRERY_TRY(server.credentials, orrery::remote::tls::Credentials::load(certificate));
  server.host = name.host;
  return server;
}

}  // namespace orrery::store::remote
