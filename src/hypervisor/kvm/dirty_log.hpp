// How KVM tells which pages its vCPUs have written (Linux, Documentation/virt/kvm/api.rst): by a
// ring of page numbers per vCPU, or by a bitmap per memory slot where the host has no rings.
//
// Either way the pages end as GuestMemory::kDirty, where those that devices write are noted too.
#pragma once

#include <memory>

#include "base/error.hpp"
#include "hypervisor/kvm/kvm_file.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::hypervisor::kvm {

enum class DirtyLogMethod : std::uint8_t {
  kBest,           // the ring where hardware runs the guest and the host has it, else a bitmap
  kRing,           // costs what was written, whatever the guest's size
  kBitmap,         // read and cleared in one call, with all pages protected in it
  kBitmapByClear,  // read, then cleared and protected on request (manual dirty-log protection)
};

class DirtyLog {
 public:
  // Before vCPUs are made. KVM, VM and MEMORY outlive the log; slot N is region N of the memory.
  static Result<std::unique_ptr<DirtyLog>> create(const KvmFile& kvm, const KvmFile& vm,
                                                  memory::GuestMemory& memory,
                                                  DirtyLogMethod method);
  virtual ~DirtyLog() = default;

  // Once for each vCPU, which outlives the log's use.
  virtual Result<> add_vcpu(const KvmFile& vcpu) = 0;

  // Sets kDirty for all that was written, and has KVM note the next writes. Any thread.
  virtual Result<> collect() = 0;
};

}  // namespace orrery::hypervisor::kvm
