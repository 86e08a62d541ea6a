// Everything that decides what a VM is: the outcome of command line and configuration file.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/types.hpp"
#include "hypervisor/soft/mmu/paging_options.hpp"
#include "network/user_network.hpp"
#include "storage/disk_image.hpp"

namespace orrery::vmm {

enum class Engine : std::uint8_t { kAuto, kKvm, kTranslate, kInterpret };

struct TapOptions {
  std::string name;
};

using NetworkOptions = std::variant<network::UserNetworkOptions, TapOptions>;

struct ConsoleOptions {
  enum class Kind : std::uint8_t { kStdio, kPty, kSocket, kFile, kNone };

  Kind kind = Kind::kStdio;
  std::string target;  // kSocket: address; kFile: path
};

// One port of the virtio console: /dev/hvcN in the guest, or with a name /dev/vportNpN.
struct VirtioConsoleOptions {
  ConsoleOptions console;
  std::string name;
};

// A server of device models.
struct RemotePlace {
  std::string host;
  std::string port;
};

// A device model on another host, or on the next one when that is gone: NAME@HOST:PORT,HOST:PORT.
struct RemoteDeviceOptions {
  std::string name;
  std::vector<RemotePlace> places;
};

// Where GDB is waited for.
struct GdbOptions {
  std::string address;  // HOST:PORT; empty: nowhere
  bool wait = false;    // with the guest's first instruction
};

// What to go on from.
struct SnapshotOptions {
  std::string name;     // or its folder, with a slash; empty: nothing, the machine is booted
  std::string library;  // empty: the usual one
  std::string disks;    // the folder for this run's disks; empty: they go with its end
};

// Whose interrupt controllers a guest on KVM has: KVM's, or the machine's own.
enum class Irqchip : std::uint8_t { kKernel, kMachine };

// Where the translator emits code: on a thread beside the vCPU's, on the vCPU's own, or as the host
// and the other options suggest.
enum class Translation : std::uint8_t { kAuto, kBeside, kInline };

enum class Reboot : std::uint8_t { kRestart, kExit };

struct Configuration {
  std::string kernel;
  std::vector<std::string> initrds;  // for multiboot kernels: the modules
  std::string command_line;
  std::string firmware;  // instead of a kernel
  Bytes memory{512_MiB};
  unsigned cpus = 1;
  Engine engine = Engine::kAuto;
  Bytes code_cache{128_MiB};  // of each vCPU, by the translator
  Translation translation = Translation::kAuto;
  hypervisor::soft::PagingOptions paging;
  double clock_rate = 1;  // of the guest's time, on Orrery's engine
  bool counted = false;   // the translator counts retired instructions
  bool lockstep = false;  // the translator is checked by the interpreter
  Irqchip irqchip = Irqchip::kKernel;
  std::vector<storage::DiskOptions> disks;
  std::vector<NetworkOptions> networks;
  std::vector<RemoteDeviceOptions> devices;
  std::string certificate;     // for the servers of `devices`
  std::uint64_t identity = 0;  // to them, and through restarts; 0: this process's own
  ConsoleOptions console;
  std::vector<VirtioConsoleOptions> virtio_consoles;
  ConsoleOptions input{.kind = ConsoleOptions::Kind::kNone, .target = {}};
  Reboot reboot = Reboot::kRestart;
#if defined(ORRERY_SANITIZED)
  bool sandbox = false;  // LeakSanitizer stops the process at its end, by calls that no VM makes
#else
  bool sandbox = true;
#endif
  GdbOptions gdb;
  SnapshotOptions snapshot;
  std::string control;  // path of the control socket; empty: none
  bool debug_exit = false;
  bool engine_statistics = false;
  bool verbose = false;
};

}  // namespace orrery::vmm
