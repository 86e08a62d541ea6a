#include "hypervisor/soft/soft_vm.hpp"

#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/cpuid.hpp"

namespace orrery::hypervisor::soft {
namespace {

class SoftVcpu : public Vcpu {
 public:
  SoftVcpu(VcpuId id, memory::GuestMemory& memory, CodePages& code_pages, Environment& environment,
           const PagingOptions& paging)
      : cpu_(id, memory, code_pages, environment, paging) {}

  Exit run() override { return cpu_.run(); }
  void stop() override { cpu_.request_stop(); }
  void interrupt() override { cpu_.request_attention(); }
  Result<x86::CpuState> state() const override { return cpu_.export_state(); }
  Result<> set_state(const x86::CpuState& state) override {
    cpu_.import_state(state);
    return {};
  }
  Result<> set_cpuid(const x86::CpuidTable& table) override {
    cpu_.cpuid = table;
    return {};
  }
  Result<> set_debug(const DebugRequest& request) override {
    cpu_.set_debug(request);
    return {};
  }
  Result<> stop_at(std::optional<std::uint64_t> count) override {
    if (!cpu_.counts_all()) {
      return fail(
          "translated code does not count its instructions; start the engine in counted mode "
          "(--counted)");
    }
    cpu_.stop_at(count);
    return {};
  }
  std::optional<std::uint64_t> retired_instructions() const override {
    if (!cpu_.counts_all()) return std::nullopt;
    return cpu_.retired();
  }

  VcpuStatistics statistics() const override { return cpu_.all_statistics(); }

  Result<> use_translator(const translate::Options& options) {
    return cpu_.use_translator(options);
  }

 private:
  Cpu cpu_;
};

class SoftVm : public Vm {
 public:
  SoftVm(memory::GuestMemory& memory, std::optional<translate::Options> translation,
         const PagingOptions& paging)
      : memory_(memory),
        translation_(translation),
        paging_(paging),
        code_pages_(memory, paging.directed) {}

  Kind kind() const override { return Kind::kSoft; }
  x86::CpuidTable supported_cpuid() const override { return soft_cpuid(); }

  // A tick is a nanosecond of the machine's clock: exact, the same on every host, and cheap to
  // compute.
  std::uint64_t time_stamp_frequency() const override { return 1'000'000'000; }

  Result<std::unique_ptr<Vcpu>> create_vcpu(VcpuId id, Environment& environment) override {
    auto vcpu = std::make_unique<SoftVcpu>(id, memory_, code_pages_, environment, paging_);
    if (translation_) ORRERY_CHECK(vcpu->use_translator(*translation_));
    return vcpu;
  }

  // The engine sets GuestMemory::kDirty always, when a page enters a TLB for writing; so the log
  // needs nothing but new entries.
  Result<> start_dirty_log() override {
    (void)take();
    return {};
  }
  Result<std::vector<memory::PageRun>> take_dirty_pages() override { return take(); }
  Result<> stop_dirty_log() override { return {}; }

 private:
  // First the flags, then the permissions: a store between the two goes to a page that is told now.
  std::vector<memory::PageRun> take() {
    std::vector<memory::PageRun> pages = memory_.take_dirty_pages();
    code_pages_.drop_write_permissions();
    return pages;
  }

  memory::GuestMemory& memory_;
  std::optional<translate::Options> translation_;
  PagingOptions paging_;
  CodePages code_pages_;
};

}  // namespace

std::unique_ptr<Vm> create_soft_vm(memory::GuestMemory& memory,
                                   std::optional<translate::Options> translation,
                                   const PagingOptions& paging) {
  return std::make_unique<SoftVm>(memory, translation, paging);
}

}  // namespace orrery::hypervisor::soft
