#include "vmm/vmm.hpp"

#include <algorithm>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "base/format.hpp"
#include "base/log.hpp"
#include "device/virtio/block/block.hpp"
#include "device/virtio/console/console.hpp"
#include "device/virtio/entropy/entropy.hpp"
#include "device/virtio/net/network.hpp"
#include "device/virtio/transport/pci_transport.hpp"
#include "machine/machine.hpp"
#include "vmm/backends.hpp"
#include "vmm/boot_files.hpp"
#include "vmm/console/terminal.hpp"
#include "vmm/control/server.hpp"
#include "vmm/engine_statistics.hpp"
#include "vmm/gdb/gdb_server.hpp"
#include "vmm/host/sandbox.hpp"
#include "vmm/host/scaled_clock.hpp"
#include "vmm/host/signals.hpp"
#include "vmm/host/system_clock.hpp"
#include "vmm/host/system_entropy.hpp"
#include "vmm/hypervisor_choice.hpp"
#include "vmm/input/text_input.hpp"
#include "vmm/power_control.hpp"
#include "vmm/remote/remote_devices.hpp"
#include "vmm/running_vm.hpp"
#include "vmm/snapshot/snapshot_options.hpp"
#include "vmm/snapshot/snapshot_start.hpp"

namespace orrery::vmm {
namespace {

namespace virtio = device::virtio;

// Locally administered (bit 1 of the first byte), one per interface of the VM.
virtio::MacAddress mac_address(std::size_t index) {
  return {0x02, 0x4f, 0x52, 0x00, 0x00, static_cast<std::uint8_t>(index + 1)};
}

template <typename Model, typename... Arguments>
Result<> add_virtio(machine::Machine& machine, Arguments&&... arguments) {
  return machine.add_pci_function(
      [&](device::Host& host) -> Result<std::unique_ptr<device::pci::Function>> {
        return std::make_unique<virtio::PciTransport>(
            host, std::make_unique<Model>(std::forward<Arguments>(arguments)...));
      });
}

// A vCPU that touches what cannot be had waits for ever, and so would whoever waits for it: nothing
// ends in order any more. The disks have what the guest flushed, as when a machine loses its power.
void end_without_memory(const Error& error) {
  terminal::restore();
  fmt::print(stderr, "orrery: the snapshot's memory cannot be read any more: {}\n",
             error.message());
  std::_Exit(exit_status::kHostError);
}

// The parts in the order of their lives: what stands later uses what stands before.
class Vmm {
 public:
  explicit Vmm(const Configuration& configuration) : configuration_(configuration) {}
  ~Vmm();

  Result<> build();
  Result<int> run();

 private:
  Result<> check_clock() const;
  port::Clock& guest_clock();
  Result<> attach_backends();
  Result<> attach_virtio_console();
  Result<> attach_remote_devices();
  Result<> attach_console();
  Result<> attach_input();
  Result<> attach_control();
  std::vector<control::ModelStatus> local_models() const;
  void end_control();
  Result<> open_boot_files();
  Result<> start_machine();
  Result<> enter_sandbox() const;
  Result<machine::Ending> run_until_end();
  int finish(const machine::Ending& ending);
  void flush_disks();
  void stop_loop();

  const Configuration& configuration_;
  bool on_kvm_ = false;
  std::optional<BootFiles> boot_files_;
  std::optional<SnapshotStart> start_;
  std::unique_ptr<EventLoop> loop_;
  SystemClock clock_;
  std::optional<ScaledClock> scaled_clock_;  // where the configuration says so
  SystemEntropy entropy_;
  std::unique_ptr<DescriptorConsole> console_;
  std::vector<std::unique_ptr<DescriptorConsole>> virtio_consoles_;
  std::unique_ptr<DescriptorConsole> input_stream_;
  std::unique_ptr<TextInput> input_;
  std::vector<std::unique_ptr<port::Blocks>> disks_;
  std::vector<ControlledDisk> controlled_disks_;
  storage::OpenReport disks_report_;  // of all
  std::vector<std::unique_ptr<port::Frames>> networks_;
  std::vector<const network::CountedFrames*> counted_networks_;  // among these
  RemoteDevices remote_devices_;
  std::unique_ptr<machine::Machine> machine_;
  std::unique_ptr<memory::PageSupply> page_supply_;
  std::unique_ptr<PowerControl> power_;
  std::unique_ptr<gdb::GdbServer> gdb_;
  std::unique_ptr<RunningVm> running_;
  std::unique_ptr<control::Server> control_;
  std::unique_ptr<Signals> signals_;
  std::thread loop_thread_;
};

Vmm::~Vmm() {
  stop_loop();
  remote_devices_.stop();
}

Result<> Vmm::check_clock() const {
  if (!on_kvm_ || configuration_.clock_rate == 1) return {};
  return fail(
      "--clock-rate: on KVM a guest reads the host's clock by itself; add --engine translate or "
      "--engine interpret");
}

port::Clock& Vmm::guest_clock() {
  if (configuration_.clock_rate == 1) return clock_;
  return scaled_clock_.emplace(clock_, configuration_.clock_rate);
}

Result<> Vmm::build() {
  block_served_signals();
  ORRERY_TRY(loop_, EventLoop::create());
  ORRERY_TRY(const auto choice, hypervisor_choice::choose(configuration_));
  on_kvm_ = choice.on_kvm;
  log::info("engine: {}", choice.explanation);
  ORRERY_CHECK(open_boot_files());
  Bytes firmware{0};
  if (boot_files_) {
    ORRERY_TRY(firmware, boot_files_->firmware_size());
  }
  ORRERY_CHECK(check_clock());
  const machine::Configuration machine_configuration{
      .memory_size = configuration_.memory,
      .vcpus = configuration_.cpus,
      .firmware_size = firmware,
      .debug_exit = configuration_.debug_exit,
  };
  ORRERY_TRY(machine_,
             machine::Machine::create(machine_configuration, choice.make, *loop_, guest_clock()));
  power_ = std::make_unique<PowerControl>(*loop_, *machine_);
  ORRERY_CHECK(attach_backends());
  ORRERY_CHECK(start_machine());
  ORRERY_TRY(signals_, Signals::create(*loop_, {.end = [this](int) { power_->asked_to_end(); },
                                                .continued = terminal::make_raw_again}));
  if (!configuration_.gdb.address.empty()) {
    ORRERY_TRY(gdb_, gdb::GdbServer::create(*loop_, *machine_, configuration_.gdb.address,
                                            configuration_.gdb.wait));
  }
  ORRERY_CHECK(attach_control());
  // Last, so that an error before leaves the terminal alone.
  return attach_console();
}

// A serial port on a server has its console there.
Result<> Vmm::attach_console() {
  using Kind = ConsoleOptions::Kind;
  const Kind kind = configuration_.console.kind;
  if (remote_devices_.has("uart16550.0")) {
    if (kind == Kind::kStdio || kind == Kind::kNone) return {};
    return fail(
        "--console: the first serial port is on a server, and its console is there; leave "
        "the option away");
  }
  ORRERY_TRY(console_, make_console(*loop_, configuration_.console, [this] { power_->quit(); }));
  if (console_) machine_->attach_console(0, *console_);
  return {};
}

// A machine that goes on from a snapshot needs them for a reset only.
Result<> Vmm::open_boot_files() {
  auto files = BootFiles::open(configuration_);
  if (configuration_.snapshot.name.empty()) {
    ORRERY_TRY(boot_files_, std::move(files));
    return {};
  }
  ORRERY_TRY(start_, SnapshotStart::open(*loop_, configuration_.snapshot));
  if (files) {
    boot_files_ = std::move(*files);
  } else {
    log::warning("{}; the VM ends where its guest resets it", files.error().message());
  }
  return {};
}

Result<> Vmm::start_machine() {
  if (!start_) return boot_files_->boot(*machine_);
  ORRERY_TRY(page_supply_, start_->restore(*machine_, end_without_memory));
  return {};
}

Result<> Vmm::attach_backends() {
  for (const storage::DiskOptions& options : start_ ? start_->disks() : configuration_.disks) {
    ORRERY_TRY(auto disk, make_disk(*loop_, options, disks_report_));
    if (!configuration_.control.empty()) {
      auto gated = std::make_unique<storage::GatedDisk>(std::move(disk));
      controlled_disks_.push_back(
          {name_for_snapshots(options), options.path, option_for_snapshots(options), gated.get()});
      disk = std::move(gated);
    }
    const virtio::BlockOptions block{.queues = configuration_.cpus};
    ORRERY_CHECK(add_virtio<virtio::Block>(*machine_, *disk, block));
    disks_.push_back(std::move(disk));
  }
  if (start_) {
    ORRERY_CHECK(start_->check_disks(disks_));
    disks_report_.remote |= start_->report().remote;
  }
  for (const NetworkOptions& options : configuration_.networks) {
    ORRERY_TRY(auto network, make_network(*loop_, options));
    if (!configuration_.control.empty()) {
      auto counted = std::make_unique<network::CountedFrames>(std::move(network));
      counted_networks_.push_back(counted.get());
      network = std::move(counted);
    }
    const virtio::NetworkOptions interface {
      .mac = mac_address(networks_.size())
    };
    ORRERY_CHECK(add_virtio<virtio::Network>(*machine_, *network, interface));
    networks_.push_back(std::move(network));
  }
  ORRERY_CHECK(attach_virtio_console());
  ORRERY_CHECK(attach_remote_devices());
  ORRERY_CHECK(attach_input());
  return add_virtio<virtio::Entropy>(*machine_, entropy_);
}

Result<> Vmm::attach_virtio_console() {
  if (configuration_.virtio_consoles.empty()) return {};
  std::vector<virtio::ConsolePort> ports;
  for (const VirtioConsoleOptions& options : configuration_.virtio_consoles) {
    ORRERY_TRY(auto console, make_console(*loop_, options, [this] { power_->quit(); }));
    using Kind = virtio::ConsolePortKind;
    ports.push_back({.port = *console,
                     .kind = options.name.empty() ? Kind::kTerminal : Kind::kChannel,
                     .name = options.name});
    virtio_consoles_.push_back(std::move(console));
  }
  return add_virtio<virtio::Console>(*machine_, std::move(ports));
}

Result<> Vmm::attach_remote_devices() {
  if (configuration_.devices.empty()) return {};
  ORRERY_CHECK(remote_devices_.use(*loop_, configuration_, on_kvm_));
  for (const RemoteDeviceOptions& options : configuration_.devices) {
    const Result<> opened = remote_devices_.open(options, *machine_);
    if (!opened) return fail(opened.error().context("--device"));
  }
  return {};
}

Result<> Vmm::attach_input() {
  ORRERY_TRY(input_stream_, make_input(*loop_, configuration_.input));
  if (!input_stream_) return {};
  if (remote_devices_.has("i8042")) {
    return fail(
        "--input: the keyboard controller is on a server, and its input comes from there; "
        "leave the option away");
  }
  input_ = std::make_unique<TextInput>(*loop_, *input_stream_);
  machine_->attach_input(*input_);
  return {};
}

// Those that somebody may plug something into; the rest of the machine is the same in all.
std::vector<control::ModelStatus> Vmm::local_models() const {
  std::vector<control::ModelStatus> models;
  const auto add = [&](const char* name, const char* kind, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) models.push_back({format("{}{}", name, i), kind, ""});
  };
  add("serial", "serial", 1);
  add("disk", "disk", disks_.size());
  add("net", "network", networks_.size());
  add("console", "console", virtio_consoles_.empty() ? 0 : 1);
  add("rng", "entropy", 1);
  return models;
}

Result<> Vmm::attach_control() {
  if (configuration_.control.empty()) return {};
  ORRERY_TRY(ProcessUsage usage, ProcessUsage::open());
  running_ = std::make_unique<RunningVm>(
      *loop_, *machine_, *power_, controlled_disks_, remote_devices_,
      RunningVmOptions{snapshot_options(configuration_), start_ ? start_->name() : "",
                       Meters{std::move(usage), counted_networks_}, local_models()});
  ORRERY_TRY(control_, control::Server::create(*loop_, *running_, configuration_.control));
  return {};
}

// Before the loop stops: what a snapshot does with the disks comes to its end.
void Vmm::end_control() {
  if (!running_) return;
  std::promise<void> idle;
  loop_->post([&] { running_->end([&] { idle.set_value(); }); });
  idle.get_future().wait();
}

// With everything open that the VM will use, before its guest runs.
Result<> Vmm::enter_sandbox() const {
  if (!configuration_.sandbox) return {};
  SandboxNeeds needs{.kvm = on_kvm_};
  needs.store_client = disks_report_.remote;
  needs.remote_devices = !configuration_.devices.empty();
  needs.page_supply = page_supply_ != nullptr;
  for (const NetworkOptions& network : configuration_.networks) {
    (std::holds_alternative<TapOptions>(network) ? needs.tap : needs.user_network) = true;
  }
  const auto is_socket = [](const ConsoleOptions& console) {
    return console.kind == ConsoleOptions::Kind::kSocket;
  };
  const auto& ports = configuration_.virtio_consoles;
  needs.named_sockets =
      !configuration_.control.empty() || is_socket(configuration_.console) ||
      is_socket(configuration_.input) ||
      std::any_of(ports.begin(), ports.end(),
                  [&](const VirtioConsoleOptions& port) { return is_socket(port.console); });
  return vmm::enter_sandbox(needs);
}

Result<int> Vmm::run() {
  ORRERY_CHECK(enter_sandbox());
  remote_devices_.start();
  loop_thread_ = std::thread([this] { loop_->run(); });
  const Result<machine::Ending> ending = run_until_end();
  end_control();
  stop_loop();
  control_.reset();
  running_.reset();
  flush_disks();
  remote_devices_.stop();
  remote_devices_.close();
  unblock_served_signals();
  if (gdb_) gdb_->finish();
  if (console_) console_->drain();
  for (const auto& console : virtio_consoles_) console->drain();
  if (!ending) return fail(ending.error());
  return finish(*ending);
}

Result<machine::Ending> Vmm::run_until_end() {
  while (true) {
    machine::Ending ending = machine_->run();
    if (!std::holds_alternative<machine::Reset>(ending) || configuration_.reboot == Reboot::kExit) {
      return ending;
    }
    log::info("the guest resets itself");
    if (!boot_files_) return fail("the guest resets itself, and its kernel is not on this host");
    ORRERY_CHECK(machine_->reset());
    ORRERY_CHECK(boot_files_->boot(*machine_));
  }
}

int Vmm::finish(const machine::Ending& ending) {
  if (configuration_.engine_statistics) print_engine_statistics(*machine_, configuration_.cpus);
  struct Visitor {
    const PowerControl& power;
    int operator()(const machine::PowerOff&) const { return exit_status::kPowerOff; }
    int operator()(const machine::Reset&) const { return exit_status::kPowerOff; }
    int operator()(const machine::DebugExit& exit) const { return exit.exit_status(); }
    int operator()(const machine::StopRequested&) const {
      if (power.quit_by_user()) return exit_status::kPowerOff;
      fmt::print(stderr, "orrery: forced off: the guest did not power itself off in time\n");
      return exit_status::kHostError;
    }
    int operator()(const machine::TripleFault& fault) const {
      fmt::print(stderr, "orrery: the guest died: triple fault on vCPU {}: {}\n{}\n",
                 fault.vcpu.value(), fault.reason, fault.registers);
      return exit_status::kGuestDied;
    }
    int operator()(const machine::Failed& failed) const {
      fmt::print(stderr, "orrery: vCPU {} can not go on: {}\n{}\n", failed.vcpu.value(),
                 failed.reason, failed.registers);
      return exit_status::kHostError;
    }
  };
  return std::visit(Visitor{*power_}, ending);
}

// What the guest did not flush is lost no more than on a machine that is switched off, but there is
// no need for it where we end in order.
void Vmm::flush_disks() {
  for (const auto& disk : disks_) {
    const Result<> flushed = storage::flush_disk(*loop_, *disk);
    if (!flushed) fmt::print(stderr, "orrery: --disk {}\n", flushed.error().message());
  }
}

void Vmm::stop_loop() {
  if (!loop_thread_.joinable()) return;
  loop_->stop();
  loop_thread_.join();
}

}  // namespace

Result<int> run(const Configuration& configuration) {
  Vmm vmm(configuration);
  ORRERY_CHECK(vmm.build());
  return vmm.run();
}

}  // namespace orrery::vmm
