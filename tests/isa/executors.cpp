#include "isa/executors.hpp"

#include <utility>

#include "base/format.hpp"
#include "hypervisor/kvm/kvm_vm.hpp"
#include "hypervisor/soft/soft_vm.hpp"
#include "isa/host/host_executor.hpp"
#include "isa/vm/vm_executor.hpp"

namespace orrery::isa {
namespace {

using hypervisor::soft::translate::Options;

Result<std::unique_ptr<Executor>> create_soft(std::string name, std::optional<Options> options) {
  return vm::VmExecutor::create(
      std::move(name),
      [options](memory::GuestMemory& memory) -> Result<std::unique_ptr<hypervisor::Vm>> {
        return hypervisor::soft::create_soft_vm(memory, options);
      });
}

}  // namespace

Result<std::unique_ptr<Executor>> create_executor(std::string_view name) {
  if (name == "host") return host::HostExecutor::create();
  if (name == "soft") return create_soft("soft", std::nullopt);
  // Everything is translated at once; a fault shows every flag, as the tests compare them all.
  Options options{.hot_after = 0, .exact_flags = true};
  if (name == "translate") return create_soft("translate", options);
  options.chain = false;
  if (name == "translate.unchained") return create_soft("translate.unchained", options);
  options.most_instructions = 1;
  if (name == "translate.single") return create_soft("translate.single", options);
  if (name == "kvm") {
    return vm::VmExecutor::create(
        "kvm", [](memory::GuestMemory& memory) { return hypervisor::kvm::create_kvm_vm(memory); });
  }
  return fail(format("there is no executor '{}'", name));
}

}  // namespace orrery::isa
