#include "vmm/remote/remote_devices.hpp"

#include <unistd.h>

#include "base/sockets/connecting_socket.hpp"
#include "remote/client/remote_models.hpp"
#include "remote/tls/credentials.hpp"
#include "vmm/options/option_values.hpp"

namespace orrery::vmm {
namespace {

Result<remote::RemoteModels::Place> find(const RemotePlace& place) {
  ORRERY_TRY(TcpServer server, find_tcp_server(place.host, place.port));
  return remote::RemoteModels::Place{place.host, std::move(server)};
}

}  // namespace

RemoteDevices::RemoteDevices() = default;
RemoteDevices::~RemoteDevices() = default;

Result<> RemoteDevices::use(EventLoop& loop, const Configuration& configuration, bool on_kvm) {
  auto credentials = remote::tls::Credentials::load(configuration.certificate);
  if (!credentials) return fail(credentials.error().context("--certificate"));
  // Where nobody gives an identity, as a control panel does, the process's is one on its platform.
  const auto process = static_cast<std::uint64_t>(::getpid());
  const remote::ToVm vm{
      .vm = VmId(configuration.identity == 0 ? process : configuration.identity),
      .client = {},
      .hypervisor = {},
      .kind = on_kvm ? remote::HypervisorKind::kKvm : remote::HypervisorKind::kOrrery};
  models_ = std::make_unique<remote::RemoteModels>(
      loop, remote::RemoteModels::Options{.credentials = std::move(*credentials), .vm = vm});
  return {};
}

Result<std::unique_ptr<device::virtio::Model>> RemoteDevices::open(
    const RemoteDeviceOptions& options) {
  std::vector<remote::RemoteModels::Place> places;
  for (const RemotePlace& place : options.places) {
    ORRERY_TRY(places.emplace_back(), find(place));
  }
  return models_->open(options.name, places);
}

void RemoteDevices::move(const std::string& name, const std::string& server,
                         std::function<void(const Result<>&)> done) {
  if (!models_) return done(fail("the VM has no remote devices"));
  const Result<RemotePlace> place = parse_remote_place(server);
  if (!place) return done(fail(place.error()));
  const auto found = find(*place);
  if (!found) return done(fail(found.error()));
  models_->move(name, *found, std::move(done));
}

std::vector<control::RemoteDeviceStatus> RemoteDevices::status() const {
  std::vector<control::RemoteDeviceStatus> devices;
  if (!models_) return devices;
  for (auto& each : models_->whereabouts()) {
    devices.push_back({std::move(each.name), std::move(each.server), each.found});
  }
  return devices;
}

void RemoteDevices::close() {
  if (models_) models_->close();
}

}  // namespace orrery::vmm
