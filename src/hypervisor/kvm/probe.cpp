#include "hypervisor/kvm/probe.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "hypervisor/kvm/kvm_vm.hpp"

namespace orrery::hypervisor::kvm {
namespace {

constexpr std::uint8_t kDonePort = 0xf4;
constexpr std::uint64_t kCodeAddress = 0x1000;
constexpr std::uint64_t kLoopsAddress = 0x500;
constexpr unsigned kInstructionsPerLoop = 2;
// First short rounds, in which an emulator gives itself away: one takes it some 400 us, where
// hardware takes a microsecond, and an exit from a nested guest at most 50. The best counts, since
// the host may interrupt any.
constexpr std::uint16_t kShortRound = 256;
constexpr std::size_t kShortRounds = 3;
constexpr double kHopelessMips = 5;
// Then long ones, in which the exit's time counts little: 160 us at kUsableMips.
constexpr std::uint16_t kLongRound = 4096;
constexpr std::size_t kLongRounds = 3;

// start: mov cx, [kLoopsAddress]; again: dec cx; jnz again; out kDonePort, al; jmp start
constexpr std::uint8_t kCode[] = {
    0x8b, 0x0e, kLoopsAddress & 0xff, kLoopsAddress >> 8, 0x49, 0x75, 0xfd, 0xe6, kDonePort,
    0xeb, 0xf5};

// Times the guest's rounds, and stops it when enough is known.
class ProbeEnvironment : public Environment {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ProbeEnvironment(memory::GuestMemory& memory) : memory_(memory) {
    set_loops(kShortRound);
  }
  void watch(Vcpu& vcpu) { vcpu_ = &vcpu; }
  double mips() const { return mips_; }

  std::uint64_t port_read(std::uint16_t, Width width) override { return mask_of(width); }
  void port_write(std::uint16_t port, Width, std::uint64_t) override {
    if (port == kDonePort) round_ended(Clock::now());
  }
  std::uint64_t memory_read(GuestPhysical, Width width) override { return mask_of(width); }
  void memory_write(GuestPhysical, Width, std::uint64_t) override {}
  bool interrupt_pending() override { return false; }
  std::optional<std::uint8_t> acknowledge_interrupt() override { return std::nullopt; }
  bool acknowledge_nmi() override { return false; }
  std::uint64_t task_priority() override { return 0; }
  void set_task_priority(std::uint64_t) override {}
  std::optional<std::uint64_t> read_msr(std::uint32_t) override { return std::nullopt; }
  bool write_msr(std::uint32_t, std::uint64_t) override { return false; }
  std::uint64_t time_stamp() override { return 0; }

 private:
  void set_loops(std::uint16_t loops) {
    loops_ = loops;
    (void)memory_.write(GuestPhysical(kLoopsAddress), as_bytes(&loops, sizeof loops));
  }
  void round_ended(Clock::time_point now) {
    const std::chrono::duration<double, std::micro> time = now - std::exchange(began_, now);
    if (rounds_++ == 0) return;  // also paid for the set-up
    mips_ = std::max(mips_, loops_ * kInstructionsPerLoop / time.count());
    if (rounds_ == 1 + kShortRounds && mips_ > kHopelessMips) {
      set_loops(kLongRound);
      mips_ = 0;
    } else if (rounds_ == 1 + kShortRounds || rounds_ == 1 + kShortRounds + kLongRounds) {
      vcpu_->stop();
    }
  }

  memory::GuestMemory& memory_;
  Vcpu* vcpu_ = nullptr;
  std::uint16_t loops_ = 0;
  Clock::time_point began_;
  std::size_t rounds_ = 0;
  double mips_ = 0;
};

std::string reason_of(const Exit& exit) {
  if (const auto* failed = std::get_if<Failed>(&exit)) return failed->reason;
  if (const auto* fault = std::get_if<TripleFault>(&exit)) return fault->reason;
  return "the guest ended unexpectedly";
}

}  // namespace

Result<Probe> probe() {
  ORRERY_TRY(const auto memory, memory::GuestMemory::create({{GuestPhysical(0), Bytes(64_KiB)}}));
  if (!memory->write(GuestPhysical(kCodeAddress), as_bytes(kCode, sizeof kCode))) {
    return fail("the probe guest does not fit its memory");
  }
  ORRERY_TRY(const auto vm, create_kvm_vm(*memory));
  ProbeEnvironment environment(*memory);
  ORRERY_TRY(const auto vcpu, vm->create_vcpu(VcpuId(0), environment));
  environment.watch(*vcpu);
  ORRERY_CHECK(vcpu->set_state(x86::startup_state(kCodeAddress >> 12)));
  const Exit exit = vcpu->run();
  if (!std::holds_alternative<Stopped>(exit)) {
    return fail(format("KVM does not run a guest: {}", reason_of(exit)));
  }
  return Probe{environment.mips()};
}

}  // namespace orrery::hypervisor::kvm
