// Guests without an operating system, one for each mode of the processor, on a whole machine with
// two vCPUs and on every backend: exits, device memory, interrupts, INIT and start-up
// (bare_metal/body.inc).
#include <fstream>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/bytes.hpp"
#include "base/loop/event_loop.hpp"
#include "hypervisor/kvm/kvm_vm.hpp"
#include "hypervisor/soft/soft_vm.hpp"
#include "machine/machine.hpp"
#include "support/fake_host.hpp"
#include "support/steady_clock.hpp"

namespace orrery::machine {
namespace {

constexpr GuestPhysical kLoadAddress(0x8000);
constexpr const char* kAllLetters = "PstrWMIAJ";

enum class Backend : std::uint8_t { kSoft, kKvm, kKvmWithMachinesControllers };

constexpr const char* kBackendNames[] = {"soft", "kvm", "kvm_with_machines_controllers"};

Result<std::unique_ptr<hypervisor::Vm>> make(Backend backend, memory::GuestMemory& memory) {
  if (backend == Backend::kSoft) return hypervisor::soft::create_soft_vm(memory);
  using hypervisor::kvm::InterruptControllers;
  return hypervisor::kvm::create_kvm_vm(
      memory, {.interrupt_controllers = backend == Backend::kKvm ? InterruptControllers::kKernel
                                                                 : InterruptControllers::kMachine});
}

std::vector<std::byte> read_image(const std::string& name) {
  std::ostringstream content;
  content << std::ifstream(std::string(ORRERY_PROGRAMS) + "/" + name + ".bin", std::ios::binary)
                 .rdbuf();
  const std::string text = content.str();
  const ByteSpan bytes = as_bytes(text.data(), text.size());
  return {bytes.begin(), bytes.end()};
}

std::string describe(const Ending& ending) {
  if (const auto* exit = std::get_if<DebugExit>(&ending)) {
    return "exit " + std::to_string(exit->exit_status());
  }
  if (const auto* fault = std::get_if<TripleFault>(&ending)) {
    return "triple fault: " + fault->reason + "\n" + fault->registers;
  }
  if (const auto* failed = std::get_if<Failed>(&ending)) {
    return "failed: " + failed->reason + "\n" + failed->registers;
  }
  return std::holds_alternative<StopRequested>(ending) ? "still running" : "another ending";
}

// Stops the machine when the guest has printed a letter.
class StoppingConsole : public testing::FakeConsole {
 public:
  std::size_t write(ByteSpan bytes) override {
    const std::size_t taken = FakeConsole::write(bytes);
    if (machine != nullptr && output.ends_with(letter)) machine->request_stop();
    return taken;
  }
  Machine* machine = nullptr;
  char letter = 0;
};

// A machine with its console.
struct Pc {
  StoppingConsole console;
  std::unique_ptr<Machine> machine;
};

void copy_memory(Machine& from, Machine& to) {
  for (const memory::Region& region : from.memory().regions()) {
    ASSERT_TRUE(to.memory().write(region.start, ByteSpan(region.host, region.size.value())));
  }
}

class BareMetal : public ::testing::TestWithParam<std::tuple<Backend, const char*>> {
 protected:
  void SetUp() override {
    const Backend backend = std::get<0>(GetParam());
    if (backend != Backend::kSoft && ::access("/dev/kvm", R_OK | W_OK) != 0) {
      GTEST_SKIP() << "no /dev/kvm on this host";
    }
    loop_thread_ = std::thread([this] { loop_->run(); });
  }
  ~BareMetal() override {
    loop_->stop();
    if (loop_thread_.joinable()) loop_thread_.join();
  }
  std::unique_ptr<Pc> make_pc(Backend backend) {
    auto pc = std::make_unique<Pc>();
    auto made = Machine::create(
        {.memory_size = Bytes(16_MiB), .vcpus = 2, .debug_exit = true},
        [&](memory::GuestMemory& memory) { return make(backend, memory); }, *loop_, clock_);
    EXPECT_TRUE(made) << made.error().message();
    if (!made) return nullptr;
    pc->machine = std::move(*made);
    pc->machine->attach_console(0, pc->console);
    return pc;
  }
  std::unique_ptr<Pc> make_pc() { return make_pc(std::get<0>(GetParam())); }

  static void load(Machine& machine) {
    const std::vector<std::byte> image = read_image(std::get<1>(GetParam()));
    ASSERT_FALSE(image.empty());
    ASSERT_TRUE(machine.write_firmware_tables());
    ASSERT_TRUE(machine.memory().write(kLoadAddress, image));
    ASSERT_TRUE(machine.set_boot_state(x86::startup_state(kLoadAddress.value() >> kPageShift)));
  }
  // Runs to the guest's end, or for as long as no guest here takes.
  Ending run(Pc& pc) {
    constexpr std::chrono::seconds kMuchTooLong{20};
    const auto alarm = loop_->create_timer([&pc] { pc.machine->request_stop(); });
    alarm->arm(std::chrono::steady_clock::now() + kMuchTooLong);
    return pc.machine->run();
  }
  // Stops the guest after LETTER, and lets it go on in another machine.
  void move_after(char letter, Backend to);

  testing::SteadyClock clock_;
  std::unique_ptr<EventLoop> loop_ = std::move(*EventLoop::create());
  std::thread loop_thread_;
};

TEST_P(BareMetal, DoesAllOfItsMode) {
  const auto pc = make_pc();
  ASSERT_TRUE(pc);
  load(*pc->machine);
  EXPECT_EQ(describe(run(*pc)), "exit 33");
  EXPECT_EQ(pc->console.output, kAllLetters);
}

TEST_P(BareMetal, DoesItAgainAfterAReset) {
  const auto pc = make_pc();
  ASSERT_TRUE(pc);
  for (int round = 0; round < 2; ++round) {
    load(*pc->machine);
    EXPECT_EQ(describe(run(*pc)), "exit 33");
    EXPECT_EQ(std::exchange(pc->console.output, ""), kAllLetters) << "round " << round;
    ASSERT_TRUE(pc->machine->reset());
  }
}

void BareMetal::move_after(char letter, Backend to) {
  const auto source = make_pc();
  const auto target = make_pc(to);
  ASSERT_TRUE(source && target);
  load(*source->machine);
  source->console.machine = source->machine.get();
  source->console.letter = letter;
  ASSERT_EQ(describe(run(*source)), "still running") << "before " << letter;

  const auto saved = source->machine->save();
  ASSERT_TRUE(saved) << saved.error().message();
  copy_memory(*source->machine, *target->machine);
  const auto restored = target->machine->restore(*saved);
  ASSERT_TRUE(restored) << restored.error().message();
  EXPECT_EQ(describe(run(*target)), "exit 33") << "after " << letter;
  EXPECT_EQ(source->console.output + target->console.output, kAllLetters);
}

TEST_P(BareMetal, GoesOnInAnotherMachine) {
  for (const char letter : {'W', 'M', 'I', 'A'}) move_after(letter, std::get<0>(GetParam()));
}

// Where the controllers are the machine's, the saved state is the same on every backend.
TEST_P(BareMetal, GoesOnOnAnotherBackend) {
  const Backend backend = std::get<0>(GetParam());
  if (backend == Backend::kKvm) GTEST_SKIP() << "KVM's own controllers are saved as KVM has them";
  if (::access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/kvm on this host";
  const Backend other =
      backend == Backend::kSoft ? Backend::kKvmWithMachinesControllers : Backend::kSoft;
  for (const char letter : {'W', 'M', 'I', 'A'}) move_after(letter, other);
}

INSTANTIATE_TEST_SUITE_P(
    All, BareMetal,
    ::testing::Combine(::testing::Values(Backend::kSoft, Backend::kKvm,
                                         Backend::kKvmWithMachinesControllers),
                       ::testing::Values(ORRERY_PROGRAM_NAMES)),
    [](const auto& guest) {
      return std::string(kBackendNames[static_cast<unsigned>(std::get<0>(guest.param))]) + "_" +
             std::get<1>(guest.param);
    });

}  // namespace
}  // namespace orrery::machine
