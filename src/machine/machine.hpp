// A PC, composed: memory, vCPUs, bus, interrupt controllers, classic devices, PCI, ACPI tables, and
// the run loop. This is what `vmm/` and the loaders code against.
//
//   auto machine = Machine::create(configuration, make_hypervisor, loop, clock);
//   (*machine)->attach_console(0, console);
//   (*machine)->add_pci_function([&](device::Host& host) { return VirtioBlock::create(host, ...);
//   }); boot::load(**machine, ...);            // writes memory(), then set_boot_state() Ending
//   ending = (*machine)->run();
//
// Threads: one per vCPU, made by run(); one I/O loop, which is the caller's and must be running
// while run() blocks its own caller (so: not on the loop's thread). Functions are for the thread
// that made the machine, while run() is not executing, unless they say "any thread". It is
// destroyed while nobody runs the loop: devices may have posted work to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/types.hpp"
#include "device/device.hpp"
#include "device/host.hpp"
#include "hypervisor/hypervisor.hpp"
#include "machine/ending.hpp"
#include "machine/memory_map.hpp"
#include "memory/guest_memory.hpp"
#include "port/clock.hpp"
#include "port/console.hpp"
#include "port/input.hpp"
#include "x86/state.hpp"

namespace orrery {
class EventLoop;
}

namespace orrery::device::pci {
class Function;
}

namespace orrery::machine {

inline constexpr unsigned kSerialPorts = 4;
inline constexpr unsigned kMaximumVcpus = 16;

struct Configuration {
  Bytes memory_size{512_MiB};  // a multiple of 4096, at least 8 MiB
  unsigned vcpus = 1;          // 1 to kMaximumVcpus
  Bytes firmware_size{0};      // flash below 4 GiB; at most kLargestFirmware, a multiple of 4096
  bool debug_exit = false;     // the debug-exit port 0xF4
  // A triple fault ends run() with Reset, as on a PC, instead of TripleFault.
  bool reset_on_triple_fault = false;
};

// Makes the hypervisor's VM over the machine's memory, which outlives it.
using HypervisorFactory =
    std::function<Result<std::unique_ptr<hypervisor::Vm>>(memory::GuestMemory&)>;

// Makes a PCI function that is plugged into HOST, which outlives it.
using PciFunctionFactory =
    std::function<Result<std::unique_ptr<device::pci::Function>>(device::Host& host)>;

class Machine {
 public:
  // The loop and the clock outlive the machine.
  static Result<std::unique_ptr<Machine>> create(const Configuration& configuration,
                                                 const HypervisorFactory& make_hypervisor,
                                                 EventLoop& loop, port::Clock& clock);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const Configuration& configuration() const;
  const MemoryMap& memory_map() const;
  memory::GuestMemory& memory();
  hypervisor::Vm& hypervisor();

  // ---- Composition, before the first run() ----

  // Plugs a console into serial port NUMBER (0: ttyS0 at 3F8h, IRQ 4). The console outlives the
  // machine. A port without a console swallows what it is sent.
  void attach_console(unsigned number, port::Console& console);

  // Plugs a keyboard and a mouse in. The input outlives the machine.
  void attach_input(port::Input& input);

  // Puts a function into the next free PCI slot (device number, function 0).
  Result<> add_pci_function(const PciFunctionFactory& make);

  // ---- Boot ----

  // Writes the ACPI tables and the MP tables into memory and returns the address of the RSDP;
  // loaders call it after the devices are there and pass the address on (boot_params, PVH start
  // info).
  Result<GuestPhysical> write_firmware_tables();

  // What the first vCPU starts with; the others wait for a start-up IPI. Until this is called the
  // first vCPU starts at the reset vector.
  Result<> set_boot_state(const x86::CpuState& state);

  // Back to power-up: devices and vCPUs. Memory stays as it is; load again before run().
  Result<> reset();

  // ---- Running ----

  // Runs the machine until it ends, and returns how. The calling thread only waits.
  Ending run();

  // Any thread. pause() returns once all vCPUs stand at an instruction boundary and the machine's
  // clock has stopped; pauses nest. Not from the I/O loop while it is needed to get there: a vCPU
  // never waits for the loop, so calling it from the loop is safe.
  void pause();
  void resume();

  // Any thread. Presses the ACPI power button; the guest decides what it does.
  void request_power_button();
  // Any thread. Presses the reset button: ends run() with Reset.
  void request_reset();
  // Any thread. Ends run() with StopRequested.
  void request_stop();

  // ---- Debugging ----

  // HANDLER is called on a vCPU's thread when that comes to what Vcpu::set_debug() asked for. The
  // machine then pauses, all vCPUs soon stand, and resume() is owed for each call. An empty one:
  // traps are no reason to stop. While paused or not running.
  using DebugHandler = std::function<void(VcpuId id, const hypervisor::DebugTrap& trap)>;
  void set_debug_handler(DebugHandler handler);

  // The vCPU's state and debug requests; while paused or not running.
  hypervisor::Vcpu& vcpu(VcpuId id);

  // Keeps a vCPU standing after resume(), while the others go on. While paused or not running.
  void hold(VcpuId id, bool held);

  // ---- State, while paused or not running ----

  // The complete state except memory: every device and vCPU, and the clock (ARCHITECTURE.md,
  // "Pause, save, move"). restore() wants a machine of the same configuration and devices.
  Result<device::State> save() const;
  Result<> restore(const device::State& state);

  // Sum and per-vCPU counters, for statistics. Any thread; approximate while running.
  hypervisor::VcpuStatistics statistics(VcpuId id) const;

 private:
  struct Parts;
  explicit Machine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace orrery::machine
