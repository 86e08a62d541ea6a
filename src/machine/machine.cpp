#include "machine/machine.hpp"

#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "base/loop/event_loop.hpp"
#include "device/pci/function.hpp"
#include "machine/acpi/tables.hpp"
#include "machine/bus.hpp"
#include "machine/devices/chipset.hpp"
#include "machine/devices/device_host.hpp"
#include "machine/devices/pci_bus.hpp"
#include "machine/interrupts/hypervisor_interrupts.hpp"
#include "machine/interrupts/interrupt_complex.hpp"
#include "machine/interrupts/irq_wires.hpp"
#include "machine/mp_tables.hpp"
#include "machine/ports.hpp"
#include "machine/processor/processor.hpp"
#include "machine/processor/run_control.hpp"
#include "machine/processor/topology.hpp"
#include "machine/time/clock.hpp"
#include "machine/time/timers.hpp"

namespace orrery::machine {
namespace {

constexpr std::uint64_t kSmallestMemory = 8_MiB;
constexpr unsigned kStateVersion = 1;
// A century: sums of times and intervals stay within 64 bits.
constexpr Ticks kLatestTime{std::int64_t{100} * 366 * 86'400 * kTicksPerSecond.value()};

Result<> check(const Configuration& configuration) {
  const std::uint64_t size = configuration.memory_size.value();
  if (size < kSmallestMemory || !is_aligned(size, kPageSize)) {
    return fail(format("memory of {} bytes: must be a multiple of 4 KiB and at least 8 MiB", size));
  }
  if (configuration.vcpus < 1 || configuration.vcpus > kMaximumVcpus) {
    return fail(format("{} vCPUs: must be 1 to {}", configuration.vcpus, kMaximumVcpus));
  }
  return {};
}

}  // namespace

// Members in the order in which they need each other; destroyed the other way round.
struct Machine::Parts {
  Parts(const Configuration& c, std::unique_ptr<memory::GuestMemory> m,
        std::unique_ptr<hypervisor::Vm> v, EventLoop& loop, port::Clock& source)
      : configuration(c),
        map(c.memory_size, c.firmware_size),
        memory(std::move(m)),
        vm(std::move(v)),
        clock(source),
        timers(clock, loop),
        services{*memory,
                 clock,
                 timers,
                 loop,
                 [this](std::uint64_t address, std::uint32_t data) {
                   interrupts->send_msi(address, data);
                 },
                 [this](device::PowerRequest request) { power_requested(request); },
                 vm->doorbells()},
        time_stamp(vm->time_stamp_frequency()),
        control(
            [this] {
              for (auto& p : processors) p->stop();
            },
            [this](bool go) { set_clock(go); }) {}

  void power_requested(device::PowerRequest request) {
    if (request == device::PowerRequest::kOff) {
      control.end(PowerOff{});
    } else {
      control.end(Reset{});
    }
  }
  void set_clock(bool go) {
    if (!go) return clock.stop();
    clock.start();
    timers.clock_started();
  }
  void make_interrupts();
  void claim_controllers();
  Result<> make_processors();
  void start_threads();

  const Configuration configuration;
  const MemoryMap map;
  std::unique_ptr<memory::GuestMemory> memory;
  std::unique_ptr<hypervisor::Vm> vm;
  MachineClock clock;
  Timers timers;
  HostServices services;
  TimeStamp time_stamp;
  RunControl control;

  std::unique_ptr<InterruptComplex> complex;  // nullptr: the hypervisor's own
  std::unique_ptr<HypervisorInterrupts> forwarded;
  InterruptSink* interrupts = nullptr;
  std::unique_ptr<IrqWires> wires;
  std::unique_ptr<PciBus> pci;
  std::unique_ptr<Bus> bus;
  std::unique_ptr<Chipset> chipset;
  std::unique_ptr<ProcessorServices> processor_services;
  std::vector<std::unique_ptr<Processor>> processors;
  std::vector<std::thread> threads;
};

// ---- Composition ----

void Machine::Parts::make_interrupts() {
  if (hypervisor::InterruptController* controller = vm->interrupt_controller()) {
    forwarded = std::make_unique<HypervisorInterrupts>(*controller);
    interrupts = forwarded.get();
  } else {
    complex = std::make_unique<InterruptComplex>(services, time_stamp, configuration.vcpus);
    interrupts = complex.get();
  }
  wires = std::make_unique<IrqWires>(*interrupts);
}

void Machine::Parts::claim_controllers() {
  const auto claim = [this](Space space, std::uint64_t base, std::uint64_t size, Width widest,
                            device::Device& device, std::mutex& lock, unsigned region) {
    bus->add({space, base, size, widest, &device, &lock, region});
  };
  using device::pic8259::Pic8259;
  claim(Space::kPorts, kPciConfigPort, 8, Width::k32, pci->root(), pci->root_lock(), 0);
  if (!complex) return;
  Pic8259& pic = complex->pic();
  claim(Space::kPorts, kPicMasterPort, 2, Width::k8, pic, complex->lock(), Pic8259::kMaster);
  claim(Space::kPorts, kPicSlavePort, 2, Width::k8, pic, complex->lock(), Pic8259::kSlave);
  claim(Space::kPorts, kElcrPort, 2, Width::k8, pic, complex->lock(), Pic8259::kElcr);
  claim(Space::kMemory, kIoApicBase.value(), device::ioapic::kSize, Width::k32, complex->ioapic(),
        complex->lock(), 0);
}

Result<> Machine::Parts::make_processors() {
  processor_services = std::make_unique<ProcessorServices>(ProcessorServices{
      *bus, clock, time_stamp, complex.get(), control, configuration.reset_on_triple_fault, {}});
  for (unsigned i = 0; i < configuration.vcpus; ++i) {
    const VcpuId id(i);
    auto processor = std::make_unique<Processor>(id, *processor_services);
    ORRERY_TRY(auto vcpu, vm->create_vcpu(id, *processor));
    x86::CpuidTable table = vm->supported_cpuid();
    describe_topology(table, {id, configuration.vcpus, time_stamp.frequency(), complex != nullptr,
                              vm->reads_environments_time_stamp()});
    ORRERY_CHECK(vcpu->set_cpuid(table));
    processor->attach(std::move(vcpu));
    ORRERY_CHECK(processor->reset());
    if (complex) complex->set_target(id, *processor);
    processors.push_back(std::move(processor));
  }
  if (!forwarded) return {};
  std::vector<hypervisor::Vcpu*> vcpus;
  vcpus.reserve(processors.size());
  for (const auto& processor : processors) vcpus.push_back(&processor->vcpu());
  return forwarded->attach(std::move(vcpus));
}

void Machine::Parts::start_threads() {
  if (!threads.empty()) return;
  for (auto& processor : processors) {
    threads.emplace_back([p = processor.get()] { p->thread(); });
  }
}

Result<std::unique_ptr<Machine>> Machine::create(const Configuration& configuration,
                                                 const HypervisorFactory& make_hypervisor,
                                                 EventLoop& loop, port::Clock& clock) {
  ORRERY_CHECK(check(configuration));
  const MemoryMap map(configuration.memory_size, configuration.firmware_size);
  ORRERY_TRY(auto memory, memory::GuestMemory::create(map.regions()));
  ORRERY_TRY(auto vm, make_hypervisor(*memory));
  auto parts =
      std::make_unique<Parts>(configuration, std::move(memory), std::move(vm), loop, clock);
  Parts& p = *parts;
  p.make_interrupts();
  p.pci = std::make_unique<PciBus>(p.services, *p.wires);
  p.bus = std::make_unique<Bus>(p.pci->root());
  std::function<void(std::uint32_t)> debug_exit;
  if (configuration.debug_exit) {
    debug_exit = [&p](std::uint32_t value) { p.control.end(DebugExit{value}); };
  }
  p.chipset = std::make_unique<Chipset>(p.services, *p.wires, *p.bus, std::move(debug_exit));
  p.chipset->describe_memory(p.map, configuration.vcpus);
  p.claim_controllers();
  ORRERY_CHECK(p.make_processors());
  return std::unique_ptr<Machine>(new Machine(std::move(parts)));
}

Machine::Machine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Machine::~Machine() {
  parts_->control.quit();
  for (std::thread& thread : parts_->threads) thread.join();
}

const Configuration& Machine::configuration() const {
  return parts_->configuration;
}
const MemoryMap& Machine::memory_map() const {
  return parts_->map;
}
memory::GuestMemory& Machine::memory() {
  return *parts_->memory;
}
hypervisor::Vm& Machine::hypervisor() {
  return *parts_->vm;
}

void Machine::attach_console(unsigned number, port::Console& console) {
  parts_->chipset->uart(number).attach(console);
}

void Machine::attach_input(port::Input& input) {
  parts_->chipset->i8042().attach(input);
}

Result<> Machine::add_pci_function(const PciFunctionFactory& make) {
  return parts_->pci->add(make);
}

Result<> Machine::replace_device(std::string_view name, const DeviceFactory& make) {
  return parts_->chipset->replace(name, make);
}

const std::vector<CmosByte>& Machine::cmos() const {
  return parts_->chipset->cmos();
}

void Machine::set_ending_handler(std::function<void()> handler) {
  parts_->control.on_end(std::move(handler));
}

// ---- Boot ----

Result<GuestPhysical> Machine::write_firmware_tables() {
  Parts& p = *parts_;
  ORRERY_CHECK(p.pci->assign_resources());
  if (p.complex) p.complex->prepare_for_boot();
  ORRERY_CHECK(write_mp_tables(*p.memory, p.configuration.vcpus, p.pci->irqs()));
  return acpi::write_tables(*p.memory, p.map, {p.configuration.vcpus, p.pci->irqs()});
}

Result<> Machine::set_boot_state(const x86::CpuState& state) {
  return parts_->processors.front()->vcpu().set_state(state);
}

Result<> Machine::reset() {
  Parts& p = *parts_;
  if (p.complex) p.complex->reset();
  reset_all(p.chipset->devices());
  reset_all(p.pci->devices());
  for (auto& processor : p.processors) ORRERY_CHECK(processor->reset());
  if (p.forwarded) ORRERY_CHECK(p.forwarded->reset());
  return {};
}

// ---- Running ----

Ending Machine::run() {
  parts_->start_threads();
  return parts_->control.run();
}

void Machine::pause() {
  parts_->control.pause();
}

bool Machine::try_pause(std::chrono::milliseconds patience) {
  return parts_->control.try_pause(patience);
}

void Machine::resume() {
  parts_->control.resume();
}

void Machine::request_power_button() {
  parts_->chipset->press_power_button();
}

void Machine::request_reset() {
  parts_->control.end(Reset{});
}

void Machine::request_stop() {
  parts_->control.end(StopRequested{});
}

hypervisor::VcpuStatistics Machine::statistics(VcpuId id) const {
  return parts_->processors.at(id.value())->vcpu().statistics();
}

// ---- Debugging ----

void Machine::set_debug_handler(DebugHandler handler) {
  Parts& p = *parts_;
  auto& debug_trap = p.processor_services->debug_trap;
  if (!handler) {
    debug_trap = nullptr;
    return;
  }
  debug_trap = [&p, handler = std::move(handler)](VcpuId id, const hypervisor::DebugTrap& trap) {
    p.control.begin_pause();
    handler(id, trap);
  };
}

hypervisor::Vcpu& Machine::vcpu(VcpuId id) {
  return parts_->processors.at(id.value())->vcpu();
}

void Machine::hold(VcpuId id, bool held) {
  parts_->processors.at(id.value())->hold(held);
}

// ---- State ----

Result<device::State> Machine::save() const {
  const Parts& p = *parts_;
  device::State vcpus = device::State::array();
  for (const auto& processor : p.processors) {
    ORRERY_TRY(auto saved, processor->save());
    vcpus.push_back(std::move(saved));
  }
  device::State tree = {{"version", kStateVersion},
                        {"time", p.clock.now().value()},
                        {"chipset", save_all(p.chipset->devices())},
                        {"pci", save_all(p.pci->devices())},
                        {"vcpus", std::move(vcpus)}};
  if (p.complex) {
    tree["interrupts"] = p.complex->save();
  } else {
    ORRERY_TRY(tree["interrupts"], p.forwarded->save());
  }
  return tree;
}

Result<> Machine::restore(const device::State& state) {
  Parts& p = *parts_;
  const auto part = [&](const char* name) {
    return state.is_object() && state.contains(name) ? state[name] : device::State();
  };
  const device::State vcpus = part("vcpus");
  const device::State time = part("time");
  if (part("version") != kStateVersion || !time.is_number_integer() || !vcpus.is_array()) {
    return fail(format("saved state of a machine: it is not of version {}", kStateVersion));
  }
  if (vcpus.size() != p.processors.size()) {
    return fail(format("saved state of a machine: it has {} vCPUs, this machine has {}",
                       vcpus.size(), p.processors.size()));
  }
  const Ticks now(time.get<std::int64_t>());
  if (now < Ticks(0) || now > kLatestTime) {
    return fail("saved state of a machine: its clock shows a time that no machine reaches");
  }
  p.clock.set(now);
  if (p.complex) ORRERY_CHECK(p.complex->restore(part("interrupts")));
  ORRERY_CHECK(restore_all(p.chipset->devices(), part("chipset")));
  ORRERY_CHECK(restore_all(p.pci->devices(), part("pci")));
  for (std::size_t i = 0; i < vcpus.size(); ++i) {
    ORRERY_CHECK(p.processors[i]->restore(vcpus[i]));
  }
  if (p.forwarded) ORRERY_CHECK(p.forwarded->restore(part("interrupts")));
  return {};
}

}  // namespace orrery::machine
