#include "isa/host/host_executor.hpp"

#include <csignal>
#include <cstring>
#include <optional>

#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include "base/format.hpp"
#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "isa/host/control_page.hpp"
#include "isa/sandbox.hpp"
#include "x86/control_registers.hpp"

extern "C" {
void isa_host_enter_64();
void isa_host_enter_32();
extern const char isa_host_exit_page[];
extern const char isa_host_exit_after_fault[];
extern const char isa_host_exit_page_end[];
}

// The sandbox lies at addresses that are numbers.
// NOLINTBEGIN(performance-no-int-to-ptr)

namespace orrery::isa::host {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGVTALRM};
constexpr std::size_t kSignalStack = 64 * 1024;
// A clock ticks every second of processor time; a test that sees this many ticks never ends.
constexpr itimerval kTick = {.it_interval = {.tv_sec = 1, .tv_usec = 0},
                             .it_value = {.tv_sec = 1, .tv_usec = 0}};
constexpr unsigned kTickLimit = 5;

ControlPage& control() {
  return *reinterpret_cast<ControlPage*>(kControlPage);
}

// Written by the signal handler, on the thread that runs the test.
std::optional<FaultReport> fault;
const char* failure;
unsigned ticks;

// From the XSAVE area that the kernel leaves on a signal's stack (SDM vol. 1, 13.4): XSTATE_BV
// tells whether the upper halves are there or zero.
void load_upper(const std::byte* area, Snapshot& snapshot) {
  constexpr std::size_t kHeader = 512;
  constexpr std::size_t kAvxState = 576;
  std::uint64_t present = 0;
  std::memcpy(&present, area + kHeader, sizeof present);
  if ((present & x86::xcr0::kAvx) != 0) {
    std::memcpy(snapshot.upper.data(), area + kAvxState, sizeof snapshot.upper);
  }
}

// Stores the interrupted registers and goes on behind the test.
void leave_test(ucontext_t& context) {
  constexpr int kOrder[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                            REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  auto& gregs = context.uc_mcontext.gregs;
  Snapshot& snapshot = control().snapshot;
  for (unsigned i = 0; i < 16; ++i) {
    snapshot.gpr[i] = static_cast<std::uint64_t>(gregs[kOrder[i]]);
  }
  snapshot.rip = static_cast<std::uint64_t>(gregs[REG_RIP]);
  snapshot.rflags = static_cast<std::uint64_t>(gregs[REG_EFL]);
  const auto* area = reinterpret_cast<const std::byte*>(context.uc_mcontext.fpregs);
  std::memcpy(static_cast<void*>(&snapshot.fx), area, sizeof snapshot.fx);
  snapshot.upper = {};
  if (control().has_avx != 0) load_upper(area, snapshot);

  const auto hole = static_cast<std::uint64_t>(isa_host_exit_after_fault - isa_host_exit_page);
  const std::uint64_t behind_test = kExitPage + hole;
  gregs[REG_RIP] = static_cast<greg_t>(behind_test);
  // A paravirtual host cannot return to a stack pointer that is not canonical.
  gregs[REG_RSP] = static_cast<greg_t>(control().stack);
  gregs[REG_EFL] = 0x202;
  const auto selectors = static_cast<std::uint64_t>(gregs[REG_CSGSFS]);
  gregs[REG_CSGSFS] = static_cast<greg_t>((selectors & ~0xffffull) | kUserCode64);
}

void on_signal(int number, siginfo_t* info, void* raw_context) {
  auto& context = *static_cast<ucontext_t*>(raw_context);
  if (number == SIGVTALRM && (control().stack == 0 || ++ticks < kTickLimit)) return;
  if (control().stack == 0) {  // not ours: let it end the process as it would have
    std::signal(number, SIG_DFL);
    return;
  }
  if (number == SIGVTALRM) {
    failure = "timeout";
  } else {
    const auto vector = static_cast<x86::Exception>(context.uc_mcontext.gregs[REG_TRAPNO]);
    FaultReport report{.exception = vector};
    if (x86::has_error_code(vector)) {
      report.error_code = static_cast<std::uint32_t>(context.uc_mcontext.gregs[REG_ERR]);
    }
    if (vector == x86::Exception::kPageFault) {
      report.address = reinterpret_cast<std::uint64_t>(info->si_addr);
    }
    fault = report;
  }
  leave_test(context);
}

Result<> map(std::uint64_t address, std::uint64_t size, int protection) {
  void* const wanted = reinterpret_cast<void*>(address);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE;
  if (mmap(wanted, size, protection, flags, -1, 0) != wanted) {
    return fail_errno(format("map the sandbox at {:#x}", address));
  }
  return {};
}

Result<> map_sandbox() {
  ORRERY_CHECK(map(kCodeBase, kCodeSize + kPageSize, PROT_READ | PROT_WRITE | PROT_EXEC));
  ORRERY_CHECK(map(kDataBase, kDataSize + kPageSize, PROT_READ | PROT_WRITE));
  ORRERY_CHECK(map(kControlPage, kPageSize, PROT_READ | PROT_WRITE));
  std::memcpy(reinterpret_cast<void*>(kExitPage), isa_host_exit_page,
              static_cast<std::size_t>(isa_host_exit_page_end - isa_host_exit_page));
  if (mprotect(reinterpret_cast<void*>(kReadOnlyBase), kPageSize, PROT_READ) != 0) {
    return fail_errno("protect the read-only page");
  }
  new (&control()) ControlPage{};
  const bool has_avx =
      hypervisor::soft::has_instruction_set(ZYDIS_ISA_EXT_AVX, ZYDIS_INSTRUCTION_ENCODING_VEX);
  control().has_avx = has_avx ? 1 : 0;
  return {};
}

Result<> install_handlers() {
  static std::byte stack[kSignalStack];
  const stack_t alternate = {.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
  if (sigaltstack(&alternate, nullptr) != 0) return fail_errno("set the signal stack");

  struct sigaction action = {};
  action.sa_sigaction = &on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int number : kSignals) {
    if (sigaction(number, &action, nullptr) != 0) return fail_errno("install a signal handler");
  }
  if (setitimer(ITIMER_VIRTUAL, &kTick, nullptr) != 0) return fail_errno("start the clock");
  return {};
}

}  // namespace

bool has_32bit_code() {
  bool readable = false;
  __asm__("verr %w1" : "=@ccz"(readable) : "r"(kUserCode32));
  return readable;
}

Result<std::unique_ptr<HostExecutor>> HostExecutor::create() {
  ORRERY_CHECK(map_sandbox());
  ORRERY_CHECK(install_handlers());
  return std::unique_ptr<HostExecutor>(new HostExecutor);
}

HostExecutor::~HostExecutor() {
  constexpr itimerval kStop = {};
  setitimer(ITIMER_VIRTUAL, &kStop, nullptr);
  for (const int number : kSignals) std::signal(number, SIG_DFL);
  munmap(reinterpret_cast<void*>(kCodeBase), kCodeSize + kPageSize);
  munmap(reinterpret_cast<void*>(kDataBase), kDataSize + kPageSize);
  munmap(reinterpret_cast<void*>(kControlPage), kPageSize);
}

void HostExecutor::load_code(std::uint64_t offset, std::span<const std::byte> code) {
  std::memcpy(reinterpret_cast<void*>(kCodeBase + offset), code.data(), code.size());
}

std::span<std::byte> HostExecutor::data() {
  return {reinterpret_cast<std::byte*>(kDataBase), kDataSize};
}

Outcome HostExecutor::run(Mode mode, const Snapshot& start) {
  fault.reset();
  failure = nullptr;
  ticks = 0;
  ControlPage& page = control();
  page.snapshot = start;
  page.far_target = static_cast<std::uint32_t>(start.rip);
  page.far_selector = kUserCode32;
  if (is_32bit(mode)) {
    isa_host_enter_32();
  } else {
    isa_host_enter_64();
  }
  Outcome outcome{.state = page.snapshot, .fault = fault, .failure = failure};
  if (!fault && failure == nullptr) outcome.state.rip = is_32bit(mode) ? kExitUser32 : kExitUser64;
  return outcome;
}

}  // namespace orrery::isa::host

// NOLINTEND(performance-no-int-to-ptr)
