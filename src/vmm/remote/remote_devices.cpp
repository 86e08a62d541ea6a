#include "vmm/remote/remote_devices.hpp"

#include <chrono>
#include <future>
#include <utility>

#include <unistd.h>

#include "base/format.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "device/virtio/transport/pci_transport.hpp"
#include "machine/machine.hpp"
#include "remote/client/remote_models.hpp"
#include "remote/tls/credentials.hpp"
#include "vmm/options/option_values.hpp"

namespace orrery::vmm {
namespace {

Result<remote::RemoteModels::Place> find(const RemotePlace& place) {
  ORRERY_TRY(TcpServer server, find_tcp_server(place.host, place.port));
  return remote::RemoteModels::Place{place.host, std::move(server)};
}

Result<> add_virtio(machine::Machine& machine, std::unique_ptr<device::virtio::Model> model) {
  return machine.add_pci_function(
      [&](device::Host& host) -> Result<std::unique_ptr<device::pci::Function>> {
        return std::make_unique<device::virtio::PciTransport>(host, std::move(model));
      });
}

}  // namespace

RemoteDevices::RemoteDevices() = default;
RemoteDevices::~RemoteDevices() {
  stop();
}

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
  vm_loop_ = &loop;
  ORRERY_TRY(loop_, EventLoop::create());
  models_ = std::make_unique<remote::RemoteModels>(
      *loop_, remote::RemoteModels::Options{.credentials = std::move(*credentials), .vm = vm});
  return {};
}

Result<> RemoteDevices::open(const RemoteDeviceOptions& options, machine::Machine& machine) {
  std::vector<remote::RemoteModels::Place> places;
  for (const RemotePlace& place : options.places) {
    ORRERY_TRY(places.emplace_back(), find(place));
  }
  ORRERY_TRY(remote::OpenedModel opened, models_->open(options.name, places));
  if (auto* const model = std::get_if<std::unique_ptr<remote::RemoteModel>>(&opened)) {
    return add_virtio(machine, std::move(*model));
  }
  const Result<> placed =
      place(std::move(std::get<std::unique_ptr<remote::RemoteDevice>>(opened)), machine);
  if (!placed) return fail(placed.error().context(options.name));
  return {};
}

// Serial ports in the order in which they are opened.
Result<> RemoteDevices::place(std::unique_ptr<remote::RemoteDevice> device,
                              machine::Machine& machine) {
  std::string name = device->model();
  if (name == "uart16550") {
    unsigned port = 0;
    while (has(format("uart16550.{}", port))) ++port;
    name = format("uart16550.{}", port);
  }
  remote::RemoteDevice& stub = *device;
  ORRERY_CHECK(machine.replace_device(name, [&](device::Host& host) {
    device->attach(host);
    return std::move(device);
  }));
  placed_.insert(name);
  machine.set_ending_handler([this] { models_->stop_waiting(); });
  if (name != "rtc-cmos") return {};
  for (const machine::CmosByte& byte : machine.cmos()) {
    stub.post_write(0, 0, Width::k8, byte.index);
    stub.post_write(0, 1, Width::k8, byte.value);
  }
  stub.post_write(0, 0, Width::k8, 0);
  return {};
}

void RemoteDevices::start() {
  if (loop_) thread_ = std::thread([this] { loop_->run(); });
}

void RemoteDevices::stop() {
  if (!thread_.joinable()) return;
  loop_->stop();
  thread_.join();
}

void RemoteDevices::call(const std::function<void()>& work) const {
  if (!thread_.joinable()) return work();
  std::promise<void> done;
  loop_->post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

void RemoteDevices::move(const std::string& name, const std::string& server,
                         std::function<void(const Result<>&)> done) {
  if (!models_) return done(fail("the VM has no remote devices"));
  const Result<RemotePlace> place = parse_remote_place(server);
  if (!place) return done(fail(place.error()));
  const auto found = find(*place);
  if (!found) return done(fail(found.error()));
  auto done_here = [loop = vm_loop_, done = std::move(done)](const Result<>& result) {
    loop->post([done, result] { done(result); });
  };
  loop_->post([this, name, place = *found, done = std::move(done_here)] {
    models_->move(name, place, done);
  });
}

std::vector<control::RemoteDeviceStatus> RemoteDevices::status() const {
  std::vector<control::RemoteDeviceStatus> devices;
  if (!models_) return devices;
  call([&] {
    for (auto& each : models_->whereabouts()) {
      devices.push_back({std::move(each.name), std::move(each.server), each.found});
    }
  });
  return devices;
}

Result<> RemoteDevices::pause(machine::Machine& machine) const {
  // A device goes on at another server within a second, or its server must be started; meanwhile
  // the VM's loop stands still.
  constexpr std::chrono::milliseconds kPatience{2'000};
  if (placed_.empty()) {
    machine.pause();
    return {};
  }
  if (machine.try_pause(kPatience)) return {};
  std::string names;
  for (const control::RemoteDeviceStatus& each : status()) {
    if (!each.found) names += format("{}{}@{}", names.empty() ? "" : ", ", each.name, each.server);
  }
  return fail(
      format("the guest is in the middle of an access to a device whose server does not "
             "answer ({}); start that server",
             names));
}

void RemoteDevices::close() {
  if (models_) models_->close();
}

}  // namespace orrery::vmm
