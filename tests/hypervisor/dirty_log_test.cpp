// The dirty log of every backend: a guest writes pages that are known, and the log has exactly
// these.
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "base/format.hpp"
#include "hypervisor/kvm/kvm_vm.hpp"
#include "hypervisor/soft/soft_vm.hpp"
#include "support/quiet_environment.hpp"
#include "x86/control_registers.hpp"

namespace orrery::memory {

void PrintTo(const PageRun& run, std::ostream* out) {
  *out << format("{} pages at {:#x}", run.pages, run.start.value());
}

}  // namespace orrery::memory

namespace orrery::hypervisor {
namespace {

using memory::PageRun;
using Made = Result<std::unique_ptr<Vm>>;

struct Backend {
  const char* name;
  std::function<Made(memory::GuestMemory&)> make;
};

Backend kvm_by(const char* name, kvm::DirtyLogMethod method) {
  return {name, [method](memory::GuestMemory& memory) {
            return kvm::create_kvm_vm(memory, {.dirty_log = method});
          }};
}

const Backend kBackends[] = {
    {"soft", [](memory::GuestMemory& memory) -> Made { return soft::create_soft_vm(memory); }},
    kvm_by("kvm_ring", kvm::DirtyLogMethod::kRing),
    kvm_by("kvm_bitmap", kvm::DirtyLogMethod::kBitmap),
    kvm_by("kvm_bitmap_by_clear", kvm::DirtyLogMethod::kBitmapByClear),
};

constexpr std::uint8_t kDonePort = 0xf4;

// Stops the vCPU at a write to kDonePort.
class StoppingEnvironment : public testing::QuietEnvironment {
 public:
  void port_write(std::uint16_t port, Width, std::uint64_t) override {
    if (port == kDonePort) vcpu->stop();
  }
  Vcpu* vcpu = nullptr;
};

// 32-bit code without paging: stores EAX to EBP pages from EDI on, then says so, again and again.
// Each page ends with an exit, without which an emulating KVM may notice a full ring too late.
constexpr std::uint8_t kWriter[] = {
    0x89, 0xfa,                               // again: mov edx, edi
    0x89, 0xe9,                               //        mov ecx, ebp
    0x89, 0x02,                               // page:  mov [edx], eax
    0x81, 0xc2,      0x00, 0x10, 0x00, 0x00,  //        add edx, 4096
    0xe6, 0x80,                               //        out 0x80, al
    0x49,                                     //        dec ecx
    0x75, 0xf3,                               //        jnz page
    0xe6, kDonePort,                          //        out kDonePort, al
    0xeb, 0xeb,                               //        jmp again
};
constexpr std::uint64_t kCode = 0x1000;

x86::CpuState protected_mode() {
  x86::CpuState state = x86::reset_state();
  state.cr0 |= x86::cr0::kProtectionEnable;
  constexpr std::uint32_t kWholeSpace = 0xffff'ffff;
  for (x86::Segment& segment : state.segments) {
    segment = {0x10, x86::SegmentAttributes(0xc093), kWholeSpace, 0};
  }
  state[x86::SegmentRegister::kCs] = {0x08, x86::SegmentAttributes(0xc09b), kWholeSpace, 0};
  state.rip = kCode;
  return state;
}

class DirtyLog : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (GetParam().name != kBackends[0].name && ::access("/dev/kvm", R_OK | W_OK) != 0) {
      GTEST_SKIP() << "no /dev/kvm on this host";
    }
    memory_ = std::move(*memory::GuestMemory::create(
        {{GuestPhysical(0), Bytes(64_MiB)}, {GuestPhysical(4_GiB), Bytes(1_MiB)}}));
    auto vm = GetParam().make(*memory_);
    ASSERT_TRUE(vm) << vm.error().message();
    vm_ = std::move(*vm);
    vcpu_ = std::move(*vm_->create_vcpu(VcpuId(0), environment_));
    environment_.vcpu = vcpu_.get();
    ASSERT_TRUE(memory_->write(GuestPhysical(kCode), as_bytes(kWriter, sizeof kWriter)));
    ASSERT_TRUE(vcpu_->set_state(protected_mode()));
  }

  void write_pages(std::uint64_t start, std::uint64_t pages) {
    auto state = vcpu_->state();
    ASSERT_TRUE(state);
    (*state)[x86::Gpr::kRdi] = start;
    (*state)[x86::Gpr::kRbp] = pages;
    ASSERT_TRUE(vcpu_->set_state(*state));
    ASSERT_TRUE(std::holds_alternative<Stopped>(vcpu_->run()));
  }
  std::vector<PageRun> take() {
    auto pages = vm_->take_dirty_pages();
    EXPECT_TRUE(pages) << pages.error().message();
    return pages.value_or(std::vector<PageRun>{});
  }

  std::unique_ptr<memory::GuestMemory> memory_;
  StoppingEnvironment environment_;
  std::unique_ptr<Vm> vm_;
  std::unique_ptr<Vcpu> vcpu_;
};

using Runs = std::vector<PageRun>;

TEST_P(DirtyLog, HasWhatTheGuestWrites) {
  write_pages(0x8000, 4);  // before the log: not in it
  ASSERT_TRUE(vm_->start_dirty_log());
  EXPECT_EQ(take(), Runs{});
  write_pages(0x9000, 2);
  write_pages(0x20'0000, 1);
  EXPECT_EQ(take(), (Runs{{GuestPhysical(0x9000), 2}, {GuestPhysical(0x20'0000), 1}}));
  EXPECT_EQ(take(), Runs{});
}

TEST_P(DirtyLog, HasAPageAgainThatIsWrittenAgain) {
  ASSERT_TRUE(vm_->start_dirty_log());
  for (int round = 0; round < 3; ++round) {
    write_pages(0x9000, 1);
    EXPECT_EQ(take(), (Runs{{GuestPhysical(0x9000), 1}})) << "round " << round;
  }
}

TEST_P(DirtyLog, HasWhatDevicesWrite) {
  ASSERT_TRUE(vm_->start_dirty_log());
  const std::byte bytes[2] = {};
  ASSERT_TRUE(memory_->write(GuestPhysical(0x3fff), bytes));
  const auto span = memory_->host_span(GuestPhysical(4_GiB), kPageSize);
  ASSERT_TRUE(span);
  memory_->mark_written(GuestPhysical(4_GiB), span->size());
  write_pages(0x5000, 1);
  EXPECT_EQ(take(), (Runs{{GuestPhysical(0x3000), 3}, {GuestPhysical(4_GiB), 1}}));
}

// More pages than a ring of KVM's holds.
TEST_P(DirtyLog, HasAllOfALargeWrite) {
  constexpr std::uint64_t kPages = 10'000;
  ASSERT_TRUE(vm_->start_dirty_log());
  write_pages(1_MiB, kPages);
  EXPECT_EQ(take(), (Runs{{GuestPhysical(1_MiB), kPages}}));
}

// As a migration goes: pages are taken and copied while the guest writes, then it stops, and the
// copy must be whole.
TEST_P(DirtyLog, LosesNothingWhileTheGuestRuns) {
  constexpr GuestPhysical kFirst(0x10'0000);
  constexpr std::uint64_t kPages = 64;
  std::vector<std::uint32_t> copy(kPages);
  const auto copy_pages = [&](const Runs& runs) {
    for (const PageRun& run : runs) {
      for (std::uint64_t n = 0; n < run.pages; ++n) {
        const GuestPhysical page = run.start + n * kPageSize;
        if (page < kFirst || page - kFirst >= kPages * kPageSize) continue;
        ASSERT_TRUE(memory_->read(
            page,
            MutableByteSpan(reinterpret_cast<std::byte*>(&copy[(page - kFirst) / kPageSize]), 4)));
      }
    }
  };
  ASSERT_TRUE(vm_->start_dirty_log());
  std::atomic<bool> done = false;
  std::thread guest([&] {
    for (std::uint32_t round = 1; round <= 200; ++round) {
      auto state = vcpu_->state();
      (*state)[x86::Gpr::kRax] = round;
      (*state)[x86::Gpr::kRdi] = kFirst.value() + round % 7 * kPageSize;
      (*state)[x86::Gpr::kRbp] = kPages - 7;
      EXPECT_TRUE(vcpu_->set_state(*state));
      EXPECT_TRUE(std::holds_alternative<Stopped>(vcpu_->run()));
    }
    done = true;
  });
  while (!done) copy_pages(take());
  guest.join();
  copy_pages(take());
  for (std::uint64_t n = 0; n < kPages; ++n) {
    std::uint32_t value = 0;
    ASSERT_TRUE(memory_->read(kFirst + n * kPageSize,
                              MutableByteSpan(reinterpret_cast<std::byte*>(&value), 4)));
    EXPECT_EQ(copy[n], value) << "page " << n;
  }
}

TEST_P(DirtyLog, CanBeStoppedAndStartedAgain) {
  ASSERT_TRUE(vm_->start_dirty_log());
  write_pages(0x9000, 1);
  ASSERT_TRUE(vm_->stop_dirty_log());
  write_pages(0xa000, 1);
  ASSERT_TRUE(vm_->start_dirty_log());
  EXPECT_EQ(take(), Runs{});
  write_pages(0xb000, 1);
  EXPECT_EQ(take(), (Runs{{GuestPhysical(0xb000), 1}}));
}

INSTANTIATE_TEST_SUITE_P(All, DirtyLog, ::testing::ValuesIn(kBackends),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace
}  // namespace orrery::hypervisor
