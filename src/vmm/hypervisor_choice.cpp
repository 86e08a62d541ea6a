#include "vmm/hypervisor_choice.hpp"

#include <thread>

#include "base/format.hpp"
#include "hypervisor/kvm/kvm_vm.hpp"
#include "hypervisor/kvm/probe.hpp"
#include "hypervisor/soft/soft_vm.hpp"

namespace orrery::vmm::hypervisor_choice {
namespace {

using hypervisor::soft::translate::Options;

Choice soft(const Configuration& configuration, std::optional<Options> translation,
            std::string explanation) {
  return {[translation, paging = configuration.paging](
              memory::GuestMemory& memory) -> Result<std::unique_ptr<hypervisor::Vm>> {
            return hypervisor::soft::create_soft_vm(memory, translation, paging);
          },
          std::move(explanation)};
}

Choice interpreter(const Configuration& configuration) {
  return soft(configuration, std::nullopt, "Orrery's interpreter, as asked for");
}

// A single processor has nobody to translate beside the guest.
bool translates_beside(const Configuration& configuration) {
  if (configuration.translation != Translation::kAuto) {
    return configuration.translation == Translation::kBeside;
  }
  return std::thread::hardware_concurrency() > 1 && !configuration.counted &&
         !configuration.lockstep;
}

Choice translator(const Configuration& configuration, std::string explanation) {
  Options options;
  options.cache_bytes = configuration.code_cache.value();
  options.counted = configuration.counted;
  options.lockstep = configuration.lockstep;
  options.beside = translates_beside(configuration);
  if (options.beside) options.hot_after = Options::kHotAfterBeside;
  return soft(configuration, options, std::move(explanation));
}

Choice kvm(std::string explanation, Irqchip irqchip) {
  using hypervisor::kvm::InterruptControllers;
  const hypervisor::kvm::KvmOptions options{
      .interrupt_controllers = irqchip == Irqchip::kKernel ? InterruptControllers::kKernel
                                                           : InterruptControllers::kMachine};
  if (irqchip == Irqchip::kMachine) explanation += ", with the machine's interrupt controllers";
  return {[options](memory::GuestMemory& memory) {
            return hypervisor::kvm::create_kvm_vm(memory, options);
          },
          std::move(explanation), true};
}

Choice choose_automatically(const Configuration& configuration) {
  const auto probe = hypervisor::kvm::probe();
  if (!probe)
    return translator(configuration, "Orrery's translator, because " + probe.error().message());
  const std::string speed =
      format("a probe guest ran {:.1f} million instructions a second on KVM", probe->ring0_mips);
  if (probe->usable()) return kvm("KVM: " + speed, configuration.irqchip);
  return translator(configuration, format("Orrery's translator: {}, hardware does {:.0f} and more",
                                          speed, hypervisor::kvm::Probe::kUsableMips));
}

}  // namespace

Result<Choice> choose(const Configuration& configuration) {
  switch (configuration.engine) {
    case Engine::kAuto: return choose_automatically(configuration);
    case Engine::kKvm: return kvm("KVM, as asked for", configuration.irqchip);
    case Engine::kInterpret: return interpreter(configuration);
    case Engine::kTranslate: return translator(configuration, "Orrery's translator, as asked for");
  }
  return fail("no such engine");
}

}  // namespace orrery::vmm::hypervisor_choice
