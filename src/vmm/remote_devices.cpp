#include "vmm/remote_devices.hpp"

#include <unistd.h>

#include "base/connecting_socket.hpp"

namespace orrery::vmm {

Result<> RemoteDevices::use(EventLoop& loop, const std::string& certificate, bool on_kvm) {
  loop_ = &loop;
  auto credentials = remote::tls::Credentials::load(certificate);
  if (!credentials) return fail(credentials.error().context("--certificate"));
  credentials_ = std::move(*credentials);
  // Without a control panel nobody gives identifiers; the process's is one on its platform.
  vm_ = {.vm = VmId(static_cast<std::uint64_t>(::getpid())),
         .client = {},
         .hypervisor = {},
         .kind = on_kvm ? remote::HypervisorKind::kKvm : remote::HypervisorKind::kOrrery};
  return {};
}

Result<std::unique_ptr<remote::RemoteModel>> RemoteDevices::open(
    const RemoteDeviceOptions& options) {
  auto& server = servers_[options.host + " " + options.port];
  if (!server) {
    ORRERY_TRY(TcpServer found, find_tcp_server(options.host, options.port));
    server = std::make_unique<remote::RemoteServer>(
        *loop_, remote::ClientLink::Options{.host = options.host,
                                            .server = std::move(found),
                                            .credentials = *credentials_,
                                            .vm = vm_});
  }
  return server->open(options.name);
}

void RemoteDevices::close() {
  for (const auto& [place, server] : servers_) server->close();
}

}  // namespace orrery::vmm
