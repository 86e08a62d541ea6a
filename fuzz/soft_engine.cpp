// The software engine: any bytes as code, in every mode, over descriptor tables, control registers
// and debug registers that the input chooses, among hostile devices. Whatever a guest does, the
// engine neither crashes nor hangs, and its state stays one that a processor can have.
//
// An input: what the environment answers, the tables' kind, changes to the tables, the state, and
// the code, which lies in 64 KiB that are mapped onto themselves where there is paging.
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>

#include <signal.h>
#include <time.h>

#include "base/assert.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "input.hpp"
#include "memory/guest_memory.hpp"
#include "soft_environment.hpp"
#include "soft_image.hpp"
#include "soft_state.hpp"
#include "x86/state.hpp"

namespace orrery::fuzz {
namespace {

using hypervisor::Exit;
using hypervisor::soft::CodePages;
using hypervisor::soft::Cpu;

// Looks that the run loop may take at what has happened before the input has had its time.
constexpr unsigned kLooks = 40;

// Whatever the input answers, and a limit: every look at it counts.
class HostileEnvironment final : public AnsweringEnvironment {
 public:
  Cpu* cpu = nullptr;

  // PATIENT: blocks run on from one to the next until a timer stops them. Otherwise there may be
  // something new in every round, so that what happens follows from the input alone.
  void restart(std::uint64_t seed, bool patient) {
    reseed(seed);
    patient_ = patient;
    looks_ = 0;
  }

  bool interrupt_pending() override { return (next() & 7) == 0; }
  std::optional<std::uint8_t> acknowledge_interrupt() override {
    return static_cast<std::uint8_t>(next());
  }
  bool acknowledge_nmi() override {
    if (++looks_ > kLooks) cpu->request_stop();
    if (!patient_) cpu->request_attention();
    return (next() & 63) == 0;
  }

 private:
  bool patient_ = false;
  unsigned looks_ = 0;
};

// Stops a vCPU that has run for a while, by a signal on its own thread.
class Alarm {
 public:
  explicit Alarm(Cpu& cpu) {
    target = &cpu;
    struct sigaction action = {};
    action.sa_handler = [](int) { target->request_stop(); };
    action.sa_flags = SA_RESTART;
    sigaction(SIGVTALRM, &action, nullptr);
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGVTALRM;
    ORRERY_ASSERT(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0);
  }
  ~Alarm() { timer_delete(timer_); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void start() { set(kSpan); }
  void cancel() { set(0); }

 private:
  static constexpr long kSpan = 1'000'000;  // nanoseconds

  // Again and again, for a stop may be asked for just before a run.
  void set(long nanoseconds) {
    const timespec span{.tv_sec = 0, .tv_nsec = nanoseconds};
    const itimerspec both{.it_interval = span, .it_value = span};
    timer_settime(timer_, 0, &both, nullptr);
  }

  static inline Cpu* target = nullptr;
  timer_t timer_ = nullptr;
};

// Made once, because its caches are large.
class Guest {
 public:
  Guest()
      : memory_(std::move(
            *memory::GuestMemory::create({{.start = GuestPhysical(0), .size = Bytes(kMemory)}}))),
        code_pages_(*memory_),
        cpu_(VcpuId(0), *memory_, code_pages_, environment_),
        alarm_(cpu_) {
    environment_.cpu = &cpu_;
  }

  void run(Input& input, bool patient) {
    environment_.restart(input.take<std::uint64_t>(), patient);
    image_.put_tables(input.take<std::uint8_t>());
    image_.change_tables(input);
    const auto mode = static_cast<Mode>(input.take<std::uint8_t>() & 7);
    cpu_.import_state(start_state(mode, input));
    image_.put(kCode, input.take_bytes(kStack - kCode));
    image_.load_into(*memory_);
    if (patient) alarm_.start();
    // Halts and stops are ends like others; a few rounds let interrupts in.
    for (int round = 0; round < 3; ++round) {
      const Exit exit = cpu_.run();
      ORRERY_ASSERT(!std::holds_alternative<hypervisor::Failed>(exit));
      if (std::holds_alternative<hypervisor::TripleFault>(exit)) break;
    }
    if (patient) alarm_.cancel();
    check(cpu_.export_state());
  }

 private:
  std::unique_ptr<memory::GuestMemory> memory_;
  Image image_;
  HostileEnvironment environment_;
  CodePages code_pages_;
  Cpu cpu_;
  Alarm alarm_;
};

// One input in 32, whatever its ancestors were.
bool is_patient(const std::uint8_t* data, std::size_t size) {
  return std::accumulate(data, data + size, 0u) % 32 == 31;
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static orrery::fuzz::Guest guest;
  orrery::fuzz::Input input(data, size);
  guest.run(input, orrery::fuzz::is_patient(data, size));
  return 0;
}
