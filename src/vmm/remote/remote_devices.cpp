#include "vmm/remote/remote_devices.hpp"

#include <map>

#include <unistd.h>

#include "base/sockets/connecting_socket.hpp"
#include "remote/client/remote_server.hpp"
#include "remote/tls/credentials.hpp"

namespace orrery::vmm {

struct RemoteDevices::Parts {
  EventLoop& loop;
  remote::tls::Credentials credentials;
  remote::ToVm vm;
  std::map<std::string, std::unique_ptr<remote::RemoteServer>> servers{};  // by host and port
};

RemoteDevices::RemoteDevices() = default;
RemoteDevices::~RemoteDevices() = default;

Result<> RemoteDevices::use(EventLoop& loop, const std::string& certificate, bool on_kvm) {
  auto credentials = remote::tls::Credentials::load(certificate);
  if (!credentials) return fail(credentials.error().context("--certificate"));
  // Without a control panel nobody gives identifiers; the process's is one on its platform.
  const remote::ToVm vm{
      .vm = VmId(static_cast<std::uint64_t>(::getpid())),
      .client = {},
      .hypervisor = {},
      .kind = on_kvm ? remote::HypervisorKind::kKvm : remote::HypervisorKind::kOrrery};
  parts_.reset(new Parts{loop, std::move(*credentials), vm});
  return {};
}

Result<std::unique_ptr<device::virtio::Model>> RemoteDevices::open(
    const RemoteDeviceOptions& options) {
  auto& server = parts_->servers[options.host + " " + options.port];
  if (!server) {
    ORRERY_TRY(TcpServer found, find_tcp_server(options.host, options.port));
    server = std::make_unique<remote::RemoteServer>(
        parts_->loop, remote::ClientLink::Options{.host = options.host,
                                                  .server = std::move(found),
                                                  .credentials = parts_->credentials,
                                                  .vm = parts_->vm});
  }
  return server->open(options.name);
}

void RemoteDevices::close() {
  if (!parts_) return;
  for (const auto& [place, server] : parts_->servers) server->close();
}

}  // namespace orrery::vmm
