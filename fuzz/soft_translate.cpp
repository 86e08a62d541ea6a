// The translator against the interpreter: any bytes as 64-bit code. Code that ends within some
// steps leaves the same registers, the same memory and the same end in both; all other code is
// translated without harm.
//
// An input: what the environment answers, how to translate, where the code lies, the state, and the
// code. The 64 KiB of memory are mapped onto themselves, with pages that refuse this and that;
// every exception leads to a HLT.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/assert.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/translate/options.hpp"
#include "input.hpp"
#include "memory/guest_memory.hpp"
#include "soft_environment.hpp"
#include "soft_image.hpp"
#include "soft_state.hpp"
#include "undefined_results.hpp"
#include "x86/state.hpp"

namespace orrery::fuzz {
namespace {

using hypervisor::Exit;
using hypervisor::soft::CodePages;
using hypervisor::soft::Cpu;
using hypervisor::soft::translate::Options;

// Instructions, or blocks, that code may execute before it is stopped.
constexpr unsigned kMostSteps = 64;
// A page that has changed 64 times is not translated any more, and each input changes some.
constexpr unsigned kInputsPerMachine = 60;

constexpr std::uint64_t kTable = 0x7000;
constexpr std::uint64_t kHandler = 0x7f00;
constexpr std::uint64_t kHandlerStack = 0xfff0;  // of every exception, by IST 1
constexpr std::uint64_t kFrameFlags = kHandlerStack - 24;
constexpr std::uint64_t kDevice = 0x10'0000;

// ---- Memory

// What page N of the first 18 is: bits as in a page-table entry.
constexpr std::uint64_t entry_of(unsigned page) {
  constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
  const std::uint64_t frame = std::uint64_t{page} << kPageShift;
  if (page >= 1 && page <= 7) return frame | 1;  // tables and the handler: read by the supervisor
  switch (page) {
    case 0xb: return frame | 5;  // code that can not be written
    case 0xd: return 0;          // not present
    case 0xe: return frame | Image::kMappedForUsers | kNoExecute;
    case 0xf: return frame | 3;  // the handlers' stack
    case 0x10: return kDevice | Image::kMappedForUsers;
    case 0x11: return kCode | Image::kMappedForUsers;  // the first page of code by another name
    default: return frame | Image::kMappedForUsers;
  }
}

void put_world(Image& image) {
  constexpr std::uint64_t kHalts = 0xf4f4'f4f4'f4f4'f4f4;
  image.put_tables(kCode64Gates | kWideGates);
  for (std::uint64_t vector = 0; vector < 128; ++vector) {
    image.put(kIdt + vector * 16, kHandler | std::uint64_t{kCode64} << 16 | std::uint64_t{1} << 32 |
                                      std::uint64_t{0xee} << 40);
    image.put(kIdt + vector * 16 + 8, 0);
  }
  image.put(kGdt + kCode64, 0x00af'9b00'0000'ffff);  // accessed: the table can not be written
  image.put(kTss + 0x24, kHandlerStack);
  image.put(kDirectory, kTable | Image::kMappedForUsers);
  for (unsigned page = 0; page < 0x12; ++page) image.put(kTable + page * 8, entry_of(page));
  image.put(kHandler, kHalts);
}

// ---- Machines

// A stop for code that goes on and on, and a look at each step where it is wanted.
class StepEnvironment final : public AnsweringEnvironment {
 public:
  Cpu* cpu = nullptr;
  UndefinedResults* undefined = nullptr;  // or nullptr

  void restart(std::uint64_t seed, bool limited) {
    reseed(seed);
    limited_ = limited;
    steps_ = 0;
  }
  unsigned steps() const { return steps_; }

  bool acknowledge_nmi() override {
    if (!limited_) return false;
    if (undefined != nullptr) look();
    cpu->request_attention();
    if (++steps_ > kMostSteps) cpu->request_stop();
    return false;
  }

 private:
  void look() {
    constexpr std::size_t kLongest = 15;
    const std::uint64_t rip = cpu->rip();
    if (rip > kMemory - kLongest) return;
    std::byte bytes[kLongest];
    if (cpu->memory().read(GuestPhysical(rip), bytes)) undefined->step(bytes);
  }

  bool limited_ = false;
  unsigned steps_ = 0;
};

struct Machine {
  explicit Machine(const Options* options)
      : memory(std::move(
            *memory::GuestMemory::create({{.start = GuestPhysical(0), .size = Bytes(kMemory)}}))),
        code_pages(*memory),
        cpu(VcpuId(0), *memory, code_pages, environment) {
    environment.cpu = &cpu;
    if (options != nullptr) ORRERY_ASSERT(cpu.use_translator(*options).has_value());
  }

  Exit run(const Image& image, const x86::CpuState& state, std::uint64_t seed, bool limited) {
    image.load_into(*memory);
    cpu.import_state(state);
    environment.restart(seed, limited);
    Exit exit = cpu.run();
    // A stop that the input before has asked for, and did not live to see.
    const bool stale =
        std::holds_alternative<hypervisor::Stopped>(exit) && environment.steps() == 0;
    return stale ? cpu.run() : exit;
  }

  std::unique_ptr<memory::GuestMemory> memory;
  StepEnvironment environment;
  CodePages code_pages;
  Cpu cpu;
};

// Machines with their options, each used for some inputs.
class Translating {
 public:
  Machine& machine(std::uint8_t choice) {
    Slot& slot = slots_[choice % kKinds];
    if (slot.machine == nullptr || ++slot.uses > kInputsPerMachine) {
      const Options options = options_of(choice % kKinds);
      slot = {.machine = std::make_unique<Machine>(&options), .uses = 0};
    }
    return *slot.machine;
  }

 private:
  static constexpr unsigned kKinds = 4;

  static Options options_of(unsigned kind) {
    constexpr unsigned kSizes[kKinds] = {64, 64, 1, 3};
    return {.hot_after = 0,
            .most_instructions = kSizes[kind],
            .chain = kind != 1,
            .exact_flags = true,
            .cache_bytes = std::size_t{1} << 20};
  }

  struct Slot {
    std::unique_ptr<Machine> machine;
    unsigned uses = 0;
  };
  Slot slots_[kKinds];
};

// ---- Comparing

// With this, the interpreter goes one instruction at a time: a breakpoint where no code is.
x86::CpuState stepping(x86::CpuState state) {
  state.breakpoint_address[0] = 0x7fff'ffff'0000;
  state.dr7 = x86::dr7::kReset | 1;
  return state;
}

void tell(const char* what, std::uint64_t expected, std::uint64_t found) {
  std::fprintf(stderr, "%s: interpreted %#llx, translated %#llx\n", what,
               static_cast<unsigned long long>(expected), static_cast<unsigned long long>(found));
}

void tell_states(const x86::CpuState& expected, const x86::CpuState& found) {
  for (unsigned n = 0; n < x86::kGprs; ++n) {
    if (expected.gpr[n] == found.gpr[n]) continue;
    std::fprintf(stderr, "register %u, ", n);
    tell("by number", expected.gpr[n], found.gpr[n]);
  }
  for (unsigned n = 0; n < expected.vectors.size(); ++n) {
    if (expected.vectors[n] == found.vectors[n]) continue;
    std::fprintf(stderr, "xmm%u, ", n);
    tell("low half", expected.vectors[n][0], found.vectors[n][0]);
    tell("high half", expected.vectors[n][1], found.vectors[n][1]);
  }
  tell("rip", expected.rip, found.rip);
  tell("rflags", expected.rflags, found.rflags);
  tell("cr2", expected.cr2, found.cr2);
  tell("mxcsr", expected.mxcsr, found.mxcsr);
  tell("x87 status", expected.x87.status, found.x87.status);
}

void compare_states(x86::CpuState expected, x86::CpuState found, std::uint64_t undefined) {
  for (x86::CpuState* state : {&expected, &found}) {
    state->breakpoint_address[0] = 0;
    state->dr7 = x86::dr7::kReset;
    state->rflags &= ~undefined;
    // Not kept while x87 runs on the host's unit (docs/testing-the-engine.md).
    state->x87.last_opcode = state->x87.last_instruction_selector = 0;
    state->x87.last_operand_selector = 0;
    state->x87.last_instruction = state->x87.last_operand = 0;
  }
  if (expected == found) return;
  tell_states(expected, found);
  ORRERY_ASSERT(expected == found);
}

// The bits of eight bytes at AT that engines may have different. Undefined flags are in the frame
// of an exception, and a processor may set the accessed bits of pages that it has looked ahead to
// (SDM vol. 3A, 4.8).
std::uint64_t open_bits(std::uint64_t at, std::uint64_t undefined) {
  constexpr std::uint64_t kAccessed = 0x20;
  if (at == kFrameFlags) return undefined;
  return at >= kPml4 && at < kHandler ? kAccessed : 0;
}

void compare_memory(memory::GuestMemory& expected, memory::GuestMemory& found,
                    std::uint64_t undefined) {
  const std::byte* one = expected.host_page(GuestPhysical(0));
  const std::byte* other = found.host_page(GuestPhysical(0));
  if (std::memcmp(one, other, kMemory) == 0) return;
  for (std::uint64_t at = 0; at < kMemory; at += 8) {
    std::uint64_t values[2];
    std::memcpy(&values[0], one + at, 8);
    std::memcpy(&values[1], other + at, 8);
    for (std::uint64_t& value : values) value &= ~open_bits(at, undefined);
    if (values[0] == values[1]) continue;
    std::fprintf(stderr, "memory %#llx, ", static_cast<unsigned long long>(at));
    tell("eight bytes", values[0], values[1]);
    ORRERY_ASSERT(values[0] == values[1]);
  }
}

x86::CpuState state_for(Input& input, std::uint64_t start) {
  constexpr std::uint64_t kStepByStep = x86::rflags::kTrap | x86::rflags::kResume;
  x86::CpuState state = start_state(Mode::kLong, input);
  state.rip = start;
  state.rflags &= ~kStepByStep;
  state.dr7 = x86::dr7::kReset;
  state.breakpoint_address = {};
  return state;
}

// Three pages, at the beginning or so that the code runs on into the next.
std::uint64_t start_of(std::uint8_t choice) {
  const std::uint64_t page = kCode + (choice & 3u) % 3 * kPageSize;
  return (choice & 4) == 0 ? page : page + kPageSize - 1 - (choice >> 3);
}

void run(Input& input) {
  static Machine reference(nullptr);
  static Translating translating;
  static Image image;
  const auto seed = input.take<std::uint64_t>();
  Machine& machine = translating.machine(input.take<std::uint8_t>());
  const std::uint64_t start = start_of(input.take<std::uint8_t>());
  const x86::CpuState state = state_for(input, start);
  put_world(image);
  image.put(start, input.take_bytes(kPageSize));

  UndefinedResults undefined;
  reference.environment.undefined = &undefined;
  const Exit expected = reference.run(image, stepping(state), seed, true);
  const bool comparable =
      !std::holds_alternative<hypervisor::Stopped>(expected) && !undefined.matters();
  const Exit found = machine.run(image, state, seed, !comparable);
  ORRERY_ASSERT(!std::holds_alternative<hypervisor::Failed>(found));
  check(machine.cpu.export_state());
  if (!comparable) return;
  ORRERY_ASSERT(expected.index() == found.index());
  compare_states(reference.cpu.export_state(), machine.cpu.export_state(), undefined.flags());
  compare_memory(*reference.memory, *machine.memory, undefined.flags());
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  orrery::fuzz::Input input(data, size);
  orrery::fuzz::run(input);
  return 0;
}
