#include "vmm/remote/device_server.hpp"

#include <chrono>
#include <deque>
#include <memory>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/sockets/listening_socket.hpp"
#include "device/i8042/i8042.hpp"
#include "device/rtc_cmos/rtc_cmos.hpp"
#include "device/uart16550/uart16550.hpp"
#include "device/virtio/block/block.hpp"
#include "device/virtio/console/console.hpp"
#include "device/virtio/entropy/entropy.hpp"
#include "device/virtio/net/network.hpp"
#include "remote/link/listener.hpp"
#include "remote/server/device_server.hpp"
#include "vmm/backends.hpp"
#include "vmm/host/sandbox.hpp"
#include "vmm/host/signals.hpp"
#include "vmm/host/system_entropy.hpp"
#include "vmm/input/text_input.hpp"
#include "vmm/options/option_values.hpp"

namespace orrery::vmm {
namespace {

namespace virtio = device::virtio;

// More would only divide what one thread serves.
constexpr unsigned kDiskQueues = 1;

// The backends, and the models over them.
class Devices {
 public:
  Devices(EventLoop& loop, DeviceServerOptions::Open open)
      : loop_(loop), open_(open), server_(loop) {}

  Result<> add(const ServedDevice& device) {
    const auto* const disk = std::get_if<storage::DiskOptions>(&device.what);
    if (disk != nullptr && open_ == DeviceServerOptions::Open::kOnUse) {
      add_on_use(device.name, *disk);
      return {};
    }
    const Result<> added =
        std::visit([&](const auto& what) { return add(device.name, what); }, device.what);
    if (!added) return fail(added.error().context("--device " + device.name));
    return {};
  }

  Result<> add(const ServedRoute& route, const remote::tls::Credentials& credentials) {
    auto server = find_tcp_server(route.place.host, route.place.port);
    if (!server) return fail(server.error().context("--route " + route.name));
    needs_.remote_devices = true;
    server_.add(route.name, remote::Route{route.place.host, std::move(*server), credentials});
    return {};
  }

  remote::DeviceServer& server() { return server_; }
  void end() {
    ending_ = true;
    loop_.stop();
  }
  const SandboxNeeds& needs() const { return needs_; }

  // Once no VM is served any more: waits for what is under way, and flushes disks.
  Result<> finish() {
    ending_ = false;
    constexpr std::chrono::milliseconds kLook{1};
    std::unique_ptr<LoopTimer> look = loop_.create_timer([&] { loop_.stop(); });
    while (!server_.is_idle()) {
      look->arm(std::chrono::steady_clock::now() + kLook);
      loop_.run();
    }
    for (const auto& disk : disks_) {
      if (!disk->geometry().read_only) ORRERY_CHECK(storage::flush_disk(loop_, *disk));
    }
    return {};
  }

 private:
  using Made = Result<std::unique_ptr<virtio::Model>>;

  template <typename What>
  Result<> add(const std::string& name, const What& what) {
    ORRERY_TRY(auto model, make(what));
    server_.add(name, std::move(model));
    return {};
  }

  Result<> add(const std::string& name, const SerialPort& port) {
    ORRERY_TRY(auto console, make_console(loop_, port.console, [] {}));
    needs_.named_sockets |= port.console.kind == ConsoleOptions::Kind::kSocket;
    using device::uart16550::Uart16550;
    server_.add(name,
                [line = console.get()](device::Host& host) {
                  auto uart = std::make_unique<Uart16550>(host);
                  if (line != nullptr) uart->attach(*line);
                  return uart;
                },
                {.lines = Uart16550::kLines, .posted = {{0, Uart16550::kEarlyWrite}}});
    if (console) consoles_.push_back(std::move(console));
    return {};
  }

  Result<> add(const std::string& name, const KeyboardController& controller) {
    ORRERY_TRY(auto stream, make_input(loop_, controller.input));
    needs_.named_sockets |= controller.input.kind == ConsoleOptions::Kind::kSocket;
    TextInput* const input =
        stream ? inputs_.emplace_back(std::make_unique<TextInput>(loop_, *stream)).get() : nullptr;
    using device::i8042::I8042;
    server_.add(name,
                [input](device::Host& host) {
                  auto i8042 = std::make_unique<I8042>(host);
                  if (input != nullptr) i8042->attach(*input);
                  return i8042;
                },
                {.lines = I8042::kLines, .posted = {}});
    if (stream) consoles_.push_back(std::move(stream));
    return {};
  }

  // Its host's time is the platform's, so its clock shows that until the guest sets it.
  Result<> add(const std::string& name, const RealTimeClock& /*clock*/) {
    using device::rtc_cmos::RtcCmos;
    server_.add(name, [](device::Host& host) { return std::make_unique<RtcCmos>(host, Ticks(0)); },
                {.lines = RtcCmos::kLines, .posted = {{0, RtcCmos::kEarlyWrite}}});
    return {};
  }

  // Only disks are locked by who has them open. REPORT is of no use: the sandbox is there.
  void add_on_use(const std::string& name, const storage::DiskOptions& options) {
    needs_.opens_disks = true;
    auto& kept = disks_on_use_.emplace_back();
    server_.add(name, {.make = [this, &kept, options]() -> Made {
                         storage::OpenReport report;
                         Result<std::unique_ptr<port::Blocks>> disk =
                             make_disk(loop_, options, report);
                         stop_again();
                         if (!disk) return fail(disk.error());
                         kept = std::move(*disk);
                         return std::make_unique<virtio::Block>(
                             *kept, virtio::BlockOptions{.queues = kDiskQueues});
                       },
                       .finish =
                           [this, &kept, name] {
                             if (!kept->geometry().read_only) {
                               const Result<> flushed = storage::flush_disk(loop_, *kept);
                               if (!flushed)
                                 log::warning("{}: {}", name, flushed.error().message());
                             }
                             kept.reset();
                             stop_again();
                           }});
  }

  // What ran the loop may have taken the signal that was for the loop around it.
  void stop_again() {
    if (ending_) loop_.stop();
  }

  Made make(const storage::DiskOptions& options) {
    storage::OpenReport report;
    ORRERY_TRY(auto disk, make_disk(loop_, options, report));
    needs_.store_client |= report.remote;
    disks_.push_back(std::move(disk));
    return std::make_unique<virtio::Block>(*disks_.back(),
                                           virtio::BlockOptions{.queues = kDiskQueues});
  }

  Made make(const NetworkOptions& options) {
    ORRERY_TRY(auto network, make_network(loop_, options));
    (std::holds_alternative<TapOptions>(options) ? needs_.tap : needs_.user_network) = true;
    networks_.push_back(std::move(network));
    // Locally administered, and another one than those of a VM's own interfaces.
    const auto number = static_cast<std::uint8_t>(networks_.size());
    return std::make_unique<virtio::Network>(
        *networks_.back(), virtio::NetworkOptions{.mac = {0x02, 0x4f, 0x52, 0x01, 0x00, number}});
  }

  Made make(const VirtioConsoleOptions& options) {
    ORRERY_TRY(auto console, make_console(loop_, options, {}));
    needs_.named_sockets |= options.console.kind == ConsoleOptions::Kind::kSocket;
    using Kind = virtio::ConsolePortKind;
    std::vector<virtio::ConsolePort> ports;
    ports.push_back({.port = *console,
                     .kind = options.name.empty() ? Kind::kTerminal : Kind::kChannel,
                     .name = options.name});
    consoles_.push_back(std::move(console));
    return std::make_unique<virtio::Console>(std::move(ports));
  }

  Made make(const EntropySource& /*source*/) { return std::make_unique<virtio::Entropy>(entropy_); }

  EventLoop& loop_;
  const DeviceServerOptions::Open open_;
  bool ending_ = false;
  SandboxNeeds needs_;
  SystemEntropy entropy_;
  std::vector<std::unique_ptr<port::Blocks>> disks_;
  std::deque<std::unique_ptr<port::Blocks>> disks_on_use_;
  std::vector<std::unique_ptr<port::Frames>> networks_;
  std::vector<std::unique_ptr<DescriptorConsole>> consoles_;
  std::vector<std::unique_ptr<TextInput>> inputs_;  // on consoles_
  remote::DeviceServer server_;
};

bool is_name(std::string_view text) {
  constexpr std::size_t kLongest = 63;
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !text.empty() && text.size() <= kLongest &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

ConsoleOptions no_console() {
  return {.kind = ConsoleOptions::Kind::kNone, .target = {}};
}

Result<decltype(ServedDevice::what)> parse_what(std::string_view kind, std::string_view value) {
  if (kind == "disk") return parse_disk(value);
  if (kind == "net") return parse_network(value);
  if (kind == "console") return parse_virtio_console(value);
  if (kind == "rng" && value.empty()) return EntropySource{};
  if (kind == "rtc" && value.empty()) return RealTimeClock{};
  if (kind == "keyboard" && value.empty()) return KeyboardController{no_console()};
  if (kind == "serial") {
    ORRERY_TRY(ConsoleOptions console, parse_console(value));
    return SerialPort{std::move(console)};
  }
  if (kind == "keyboard") {
    ORRERY_TRY(ConsoleOptions input, parse_input(value));
    return KeyboardController{std::move(input)};
  }
  return fail(
      format("\"{}\" is no device model; write disk:FILE, net:user, console:pty, serial:pty, "
             "keyboard:pty, rtc or rng",
             kind));
}

// Ends the loop when a signal asks for it. To be made before the sandbox.
Result<std::unique_ptr<Signals>> stop_at_signal(EventLoop& loop, Devices& devices) {
  SignalActions actions;
  actions.end = [&devices](int /*number*/) { devices.end(); };
  actions.continued = [] {};
  return Signals::create(loop, std::move(actions));
}

}  // namespace

Result<ServedDevice> parse_served_device(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  if (equals == std::string_view::npos || !is_name(name)) {
    return fail(format(
        "\"{}\": write NAME=KIND, such as disk0=disk:FILE; a name has letters, digits, dots, "
        "dashes and underscores",
        text));
  }
  const std::string_view rest = text.substr(equals + 1);
  const std::size_t colon = rest.find(':');
  const std::string_view value =
      colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  auto what = parse_what(rest.substr(0, colon), value);
  if (!what) return fail(what.error().context(name));
  return ServedDevice{std::string(name), std::move(*what)};
}

Result<ServedRoute> parse_served_route(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  if (equals == std::string_view::npos || !is_name(name)) {
    return fail(format("\"{}\": write NAME=HOST or NAME=HOST:PORT, such as disk0=10.0.0.6", text));
  }
  auto place = parse_remote_place(text.substr(equals + 1));
  if (!place) return fail(place.error().context(name));
  return ServedRoute{std::string(name), std::move(*place)};
}

Result<int> run_device_server(EventLoop& loop, const DeviceServerOptions& options) {
  block_served_signals();
  Devices devices(loop, options.open);
  ORRERY_TRY(const auto signals, stop_at_signal(loop, devices));
  auto credentials = remote::tls::Credentials::load(options.certificate);
  if (!credentials) return fail(credentials.error().context("--certificate"));
  for (const ServedDevice& device : options.devices) ORRERY_CHECK(devices.add(device));
  for (const ServedRoute& route : options.routes) {
    ORRERY_CHECK(devices.add(route, *credentials));
  }
  auto socket = listen_tcp(options.listen, remote::Listener::kBacklog);
  if (!socket) return fail(format("--listen {}: {}", options.listen, socket.error().message()));
  ORRERY_TRY(const TcpAddress address, tcp_address(socket->get()));
  {
    ORRERY_TRY(const auto listener,
               remote::Listener::create(
                   loop, std::move(*socket), {.credentials = std::move(*credentials)},
                   [&](remote::ServerLink& link) { return devices.server().serve(link); }));
    if (options.sandbox) ORRERY_CHECK(enter_sandbox(devices.needs()));
    fmt::print("{}\n", address.text);
    std::fflush(stdout);
    loop.run();
  }
  ORRERY_CHECK(devices.finish());
  return 0;
}

}  // namespace orrery::vmm
