#include "hypervisor/kvm/kvm_vm.hpp"

#include <vector>

#include <linux/kvm.h>

#include "base/format.hpp"
#include "hypervisor/kvm/kvm_cpuid.hpp"
#include "hypervisor/kvm/kvm_doorbells.hpp"
#include "hypervisor/kvm/kvm_file.hpp"
#include "hypervisor/kvm/kvm_interrupts.hpp"
#include "hypervisor/kvm/kvm_vcpu.hpp"

namespace orrery::hypervisor::kvm {
namespace {

// Three pages that Intel hosts need for real mode, in the hole below the firmware that no machine
// of ours uses (Linux, Documentation/virt/kvm/api.rst, KVM_SET_TSS_ADDR); one more for the identity
// map.
constexpr unsigned long kTssAddress = 0xfffb'd000;
constexpr std::uint64_t kIdentityMapAddress = 0xfffb'c000;

class KvmVm : public Vm {
 public:
  KvmVm(KvmFile kvm, KvmFile vm, memory::GuestMemory& memory)
      : kvm_(std::move(kvm)),
        vm_(std::move(vm)),
        memory_(memory),
        controller_(vm_),
        doorbells_(vm_) {}

  Result<> set_up(const KvmOptions& options) {
    ORRERY_CHECK(vm_.call(KVM_SET_TSS_ADDR, kTssAddress, "place its task-state segment"));
    std::uint64_t identity = kIdentityMapAddress;
    ORRERY_CHECK(vm_.call(KVM_SET_IDENTITY_MAP_ADDR, &identity, "place its identity map"));
    in_kernel_ = options.interrupt_controllers == InterruptControllers::kKernel;
    if (in_kernel_) {
      ORRERY_CHECK(controller_.set_up());
    } else {
      ORRERY_CHECK(let_environment_have_msrs(kvm_, vm_));
    }
    ORRERY_TRY(dirty_log_, DirtyLog::create(kvm_, vm_, memory_, options.dirty_log));
    ORRERY_CHECK(map_memory(Logging::kOff));
    ORRERY_TRY(cpuid_, supported_cpuid_of(kvm_));
    // Linux 4.5 and later.
    ORRERY_TRY(const int any_width,
               kvm_.call(KVM_CHECK_EXTENSION, std::uint64_t{KVM_CAP_IOEVENTFD_ANY_LENGTH},
                         "tell whether it has doorbells"));
    has_doorbells_ = any_width > 0;
    ORRERY_TRY(vcpu_area_bytes_,
               kvm_.call(KVM_GET_VCPU_MMAP_SIZE, 0ul, "tell the size of a vCPU's area"));
    return {};
  }

  Kind kind() const override { return Kind::kKvm; }
  x86::CpuidTable supported_cpuid() const override { return cpuid_; }

  std::uint64_t time_stamp_frequency() const override {
    const Result<int> kilohertz = vm_.call(KVM_GET_TSC_KHZ, 0ul, "tell the time-stamp frequency");
    constexpr std::uint64_t kAssumed = 1'000'000'000;  // hosts without a constant TSC do not say
    return kilohertz && *kilohertz > 0 ? static_cast<std::uint64_t>(*kilohertz) * 1000 : kAssumed;
  }

  bool reads_environments_time_stamp() const override { return false; }

  Result<std::unique_ptr<Vcpu>> create_vcpu(VcpuId id, Environment& environment) override {
    ORRERY_TRY(const int descriptor,
               vm_.call(KVM_CREATE_VCPU, static_cast<unsigned long>(id.value()),
                        format("create vCPU {}", id.value())));
    KvmFile file{FileDescriptor(descriptor)};
    ORRERY_CHECK(dirty_log_->add_vcpu(file));
    return KvmVcpu::create(
        id, std::move(file), static_cast<std::size_t>(vcpu_area_bytes_), environment, *dirty_log_,
        in_kernel_ ? KvmVcpu::LocalApic::kKernel : KvmVcpu::LocalApic::kEnvironment);
  }

  InterruptController* interrupt_controller() override {
    return in_kernel_ ? &controller_ : nullptr;
  }
  Doorbells* doorbells() override { return has_doorbells_ ? &doorbells_ : nullptr; }

  Result<> start_dirty_log() override {
    ORRERY_CHECK(map_memory(Logging::kOn));
    ORRERY_CHECK(take_dirty_pages());
    return {};
  }
  Result<std::vector<memory::PageRun>> take_dirty_pages() override {
    ORRERY_CHECK(dirty_log_->collect());
    return memory_.take_dirty_pages();
  }
  Result<> stop_dirty_log() override { return map_memory(Logging::kOff); }

 private:
  enum class Logging : std::uint8_t { kOff, kOn };

  // Makes the slots, or changes their flags.
  Result<> map_memory(Logging logging) {
    const std::uint32_t ram_flags = logging == Logging::kOn ? KVM_MEM_LOG_DIRTY_PAGES : 0u;
    std::uint32_t slot = 0;
    for (const memory::Region& region : memory_.regions()) {
      kvm_userspace_memory_region mapping{};
      mapping.slot = slot++;
      mapping.flags = region.kind == memory::RegionKind::kRom ? KVM_MEM_READONLY : ram_flags;
      mapping.guest_phys_addr = region.start.value();
      mapping.memory_size = region.size.value();
      mapping.userspace_addr = reinterpret_cast<std::uint64_t>(region.host);
      ORRERY_CHECK(vm_.call(KVM_SET_USER_MEMORY_REGION, &mapping,
                            format("map guest memory at {:#x}", region.start.value())));
    }
    return {};
  }

  KvmFile kvm_;
  KvmFile vm_;
  memory::GuestMemory& memory_;
  KvmInterruptController controller_;
  KvmDoorbells doorbells_;
  std::unique_ptr<DirtyLog> dirty_log_;
  x86::CpuidTable cpuid_;
  int vcpu_area_bytes_ = 0;
  bool has_doorbells_ = false;
  bool in_kernel_ = true;
};

}  // namespace

Result<std::unique_ptr<Vm>> create_kvm_vm(memory::GuestMemory& memory, const KvmOptions& options) {
  ORRERY_TRY(KvmFile kvm, open_kvm());
  ORRERY_TRY(const int descriptor, kvm.call(KVM_CREATE_VM, 0ul, "create a virtual machine"));
  auto vm = std::make_unique<KvmVm>(std::move(kvm), KvmFile(FileDescriptor(descriptor)), memory);
  ORRERY_CHECK(vm->set_up(options));
  return vm;
}

}  // namespace orrery::hypervisor::kvm
