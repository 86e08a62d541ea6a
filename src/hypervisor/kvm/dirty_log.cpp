#include "hypervisor/kvm/dirty_log.hpp"

#include <bit>
#include <utility>
#include <vector>

#include <linux/kvm.h>
#include <sys/mman.h>

#include "base/format.hpp"
#include "base/guarded.hpp"
#include "hypervisor/kvm/hardware.hpp"

namespace orrery::hypervisor::kvm {
namespace {

using memory::GuestMemory;
using memory::Region;

bool is_logged(const Region& region) {
  return region.kind == memory::RegionKind::kRam;
}

// ---- Rings ----

// A vCPU's ring: entries that KVM fills in turn, and that go back to it marked as reset.
class Ring {
 public:
  // A vCPU leaves the guest when its ring is full but for some 576 entries that KVM keeps back:
  // with 4096, after 14 MiB.
  static constexpr std::uint32_t kEntries = 4096;
  static constexpr std::size_t kBytes = kEntries * sizeof(kvm_dirty_gfn);

  static Result<Ring> map(const KvmFile& vcpu) {
    const auto offset = static_cast<off_t>(KVM_DIRTY_LOG_PAGE_OFFSET * kPageSize);
    void* area =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.descriptor(), offset);
    if (area == MAP_FAILED) return fail_errno("cannot map the dirty ring of a vCPU");
    return Ring(static_cast<kvm_dirty_gfn*>(area));
  }
  Ring(Ring&& other) noexcept
      : entries_(std::exchange(other.entries_, nullptr)), next_(other.next_) {}
  Ring& operator=(Ring&&) = delete;
  ~Ring() {
    if (entries_ != nullptr) ::munmap(entries_, kBytes);
  }

  // Calls visit(slot, page within the slot) for every new entry. False: the ring was full, so KVM
  // has overwritten entries.
  template <typename Visit>
  [[nodiscard]] bool take(Visit visit) {
    for (std::uint32_t taken = 0; taken < kEntries; ++taken, ++next_) {
      kvm_dirty_gfn& entry = entries_[next_ % kEntries];
      // Pairs with KVM's release when it has filled the entry.
      if ((__atomic_load_n(&entry.flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY) == 0)
        return true;
      visit(entry.slot, entry.offset);
      __atomic_store_n(&entry.flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
    }
    return false;
  }

 private:
  explicit Ring(kvm_dirty_gfn* entries) : entries_(entries) {}

  kvm_dirty_gfn* entries_;
  std::uint32_t next_ = 0;
};

class RingLog : public DirtyLog {
 public:
  RingLog(const KvmFile& vm, GuestMemory& memory) : vm_(vm), memory_(memory) {}

  static Result<bool> enable(const KvmFile& kvm, const KvmFile& vm) {
    for (const __u32 capability : {KVM_CAP_DIRTY_LOG_RING, KVM_CAP_DIRTY_LOG_RING_ACQ_REL}) {
      ORRERY_TRY(const int most, kvm.call(KVM_CHECK_EXTENSION, std::uint64_t{capability},
                                          "tell whether it has dirty rings"));
      if (static_cast<std::size_t>(most) < Ring::kBytes) continue;
      kvm_enable_cap enable{};
      enable.cap = capability;
      enable.args[0] = Ring::kBytes;
      ORRERY_CHECK(vm.call(KVM_ENABLE_CAP, &enable, "switch on its dirty rings"));
      return true;
    }
    return false;
  }

  Result<> add_vcpu(const KvmFile& vcpu) override {
    ORRERY_TRY(Ring ring, Ring::map(vcpu));
    rings_.lock()->push_back(std::move(ring));
    return {};
  }

  Result<> collect() override {
    auto rings = rings_.lock();
    for (Ring& ring : *rings) {
      const bool whole = ring.take([this](std::uint32_t slot, std::uint64_t page) {
        // The upper half of a slot is its address space; there is one only.
        const Region& region = memory_.regions()[slot & 0xffff];
        memory_.mark_written(region.start + (page << kPageShift), 1);
      });
      if (!whole) return fail("KVM has let a dirty ring overflow, and lost written pages");
    }
    // Protects the pages again; what is written from now on is in the rings again.
    ORRERY_CHECK(vm_.call(KVM_RESET_DIRTY_RINGS, 0ul, "take back its dirty rings"));
    return {};
  }

 private:
  const KvmFile& vm_;
  GuestMemory& memory_;
  Guarded<std::vector<Ring>> rings_;
};

// ---- Bitmaps ----

class BitmapLog : public DirtyLog {
 public:
  BitmapLog(const KvmFile& vm, GuestMemory& memory, bool cleared_on_request)
      : vm_(vm), memory_(memory), cleared_on_request_(cleared_on_request) {}

  static Result<bool> enable_clearing(const KvmFile& kvm, const KvmFile& vm) {
    constexpr auto kCapability = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
    ORRERY_TRY(const int has, kvm.call(KVM_CHECK_EXTENSION, std::uint64_t{kCapability},
                                       "tell how it clears dirty logs"));
    if ((has & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) == 0) return false;
    kvm_enable_cap enable{};
    enable.cap = kCapability;
    enable.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
    ORRERY_CHECK(vm.call(KVM_ENABLE_CAP, &enable, "clear dirty logs on request"));
    return true;
  }

  Result<> add_vcpu(const KvmFile&) override { return {}; }

  Result<> collect() override {
    auto bitmap = bitmap_.lock();
    for (std::uint32_t slot = 0; slot < memory_.regions().size(); ++slot) {
      if (is_logged(memory_.regions()[slot])) ORRERY_CHECK(collect(slot, *bitmap));
    }
    return {};
  }

 private:
  Result<> collect(std::uint32_t slot, std::vector<std::uint64_t>& bitmap) {
    const Region& region = memory_.regions()[slot];
    const std::uint64_t pages = region.size.value() >> kPageShift;
    bitmap.assign((pages + 63) / 64, 0);
    kvm_dirty_log get{};
    get.slot = slot;
    get.dirty_bitmap = bitmap.data();
    ORRERY_CHECK(vm_.call(KVM_GET_DIRTY_LOG, &get, "tell what was written"));
    if (cleared_on_request_) {
      kvm_clear_dirty_log clear{};
      clear.slot = slot;
      clear.num_pages = static_cast<__u32>(pages);
      clear.dirty_bitmap = bitmap.data();
      ORRERY_CHECK(vm_.call(KVM_CLEAR_DIRTY_LOG, &clear, "clear its dirty log"));
    }
    for (std::size_t word = 0; word < bitmap.size(); ++word) {
      for (std::uint64_t left = bitmap[word]; left != 0; left &= left - 1) {
        const std::uint64_t page = word * 64 + static_cast<unsigned>(std::countr_zero(left));
        memory_.mark_written(region.start + (page << kPageShift), 1);
      }
    }
    return {};
  }

  const KvmFile& vm_;
  GuestMemory& memory_;
  const bool cleared_on_request_;
  Guarded<std::vector<std::uint64_t>> bitmap_;
};

}  // namespace

Result<std::unique_ptr<DirtyLog>> DirtyLog::create(const KvmFile& kvm, const KvmFile& vm,
                                                   GuestMemory& memory, DirtyLogMethod method) {
  const bool best = method == DirtyLogMethod::kBest;
  // Where KVM emulates ring 0, it was seen to notice a full ring too late, and to lose pages.
  if ((best && processor_has_virtualization()) || method == DirtyLogMethod::kRing) {
    ORRERY_TRY(const bool has, RingLog::enable(kvm, vm));
    if (has) return std::make_unique<RingLog>(vm, memory);
    if (!best) return fail("this host's KVM has no dirty rings");
  }
  if (best || method == DirtyLogMethod::kBitmapByClear) {
    ORRERY_TRY(const bool has, BitmapLog::enable_clearing(kvm, vm));
    if (has) return std::make_unique<BitmapLog>(vm, memory, true);
    if (!best) return fail("this host's KVM does not clear dirty logs on request");
  }
  return std::make_unique<BitmapLog>(vm, memory, false);
}

}  // namespace orrery::hypervisor::kvm
