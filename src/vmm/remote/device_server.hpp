// A server of device models as a process: `orrery device-server`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::vmm {

struct EntropySource {};
struct SerialPort {
  ConsoleOptions console;
};
struct KeyboardController {
  ConsoleOptions input;
};
struct RealTimeClock {};

// What VMs may open by NAME.
struct ServedDevice {
  std::string name;
  std::variant<storage::DiskOptions, NetworkOptions, VirtioConsoleOptions, EntropySource,
               SerialPort, KeyboardController, RealTimeClock>
      what;
};

// NAME=disk:..., NAME=net:..., NAME=console:..., NAME=serial:CONSOLE, NAME=keyboard:INPUT, each as
// `orrery run` has it, NAME=rtc, or NAME=rng.
Result<ServedDevice> parse_served_device(std::string_view text);

// A model that is on another server.
struct ServedRoute {
  std::string name;
  RemotePlace place;
};
// NAME=HOST[:PORT].
Result<ServedRoute> parse_served_route(std::string_view text);

struct DeviceServerOptions {
  std::string listen;
  std::string certificate;
  std::vector<ServedDevice> devices;
  enum class Open : std::uint8_t {
    kAtStart,
    kOnUse,  // disks while a VM has them, so that several servers may have the same ones
  };
  Open open = Open::kAtStart;
  std::vector<ServedRoute> routes{};
  bool sandbox = true;
};

// Serves until SIGTERM or SIGINT, and says on standard output where once it does. On the process's
// main thread.
Result<int> run_device_server(EventLoop& loop, const DeviceServerOptions& options);

}  // namespace orrery::vmm
