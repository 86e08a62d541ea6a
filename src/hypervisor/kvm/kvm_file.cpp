#include "hypervisor/kvm/kvm_file.hpp"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/format.hpp"

namespace orrery::hypervisor::kvm {
namespace {

struct NeededCapability {
  unsigned long number;
  std::string_view name;
};

constexpr NeededCapability kNeeded[] = {
    {KVM_CAP_USER_MEMORY, "user memory"},
    {KVM_CAP_IRQCHIP, "in-kernel interrupt controllers"},
    {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
    {KVM_CAP_XSAVE, "XSAVE state"},
    {KVM_CAP_XCRS, "XCR state"},
    {KVM_CAP_VCPU_EVENTS, "vCPU events"},
    {KVM_CAP_DEBUGREGS, "debug registers"},
    {KVM_CAP_MP_STATE, "multiprocessor state"},
    {KVM_CAP_SIGNAL_MSI, "message-signalled interrupts"},
    {KVM_CAP_IRQ_ROUTING, "interrupt routing"},
    {KVM_CAP_IRQFD, "interrupts by eventfd"},
};

std::string remedy(int code) {
  switch (code) {
    case ENOENT:
      return "load the module kvm_intel or kvm_amd, and enable virtualization in the firmware; or "
             "use "
             "--engine interpret";
    case EACCES:
    case EPERM: return "join the group that owns /dev/kvm (usually kvm); or use --engine interpret";
    default: return "use --engine interpret";
  }
}

}  // namespace

Result<int> KvmFile::call(unsigned long request, unsigned long argument,
                          std::string_view doing) const {
  const int answer = ::ioctl(descriptor_.get(), request, argument);
  if (answer < 0) return fail_errno(format("KVM cannot {}", doing));
  return answer;
}

Result<KvmFile> open_kvm() {
  FileDescriptor descriptor(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!descriptor) {
    const int code = errno;
    return fail(
        format("{}; {}", Error::from_errno("cannot open /dev/kvm", code).message(), remedy(code)));
  }
  KvmFile kvm(std::move(descriptor));
  ORRERY_TRY(const int version, kvm.call(KVM_GET_API_VERSION, 0ul, "tell its API version"));
  if (version != KVM_API_VERSION) {
    return fail(format("/dev/kvm speaks API version {}, not {}; use --engine interpret", version,
                       KVM_API_VERSION));
  }
  for (const NeededCapability& needed : kNeeded) {
    ORRERY_TRY(const int has, kvm.call(KVM_CHECK_EXTENSION, needed.number, "tell what it can do"));
    if (has <= 0) {
      return fail(format("this host's KVM lacks {}; use a newer kernel, or --engine interpret",
                         needed.name));
    }
  }
  return kvm;
}

}  // namespace orrery::hypervisor::kvm
