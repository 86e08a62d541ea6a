#include "cluster/host/facts.hpp"

#include <thread>

#include <unistd.h>

#include "vmm/hypervisor_choice.hpp"

namespace orrery::cluster::host {
namespace {

bool has_real_kvm() {
  vmm::Configuration configuration;
  configuration.engine = vmm::Engine::kAuto;
  const auto choice = vmm::hypervisor_choice::choose(configuration);
  return choice && choice->on_kvm;
}

}  // namespace

PlatformFacts facts_of_host(const std::string& version,
                            const std::map<std::string, std::string>& labels) {
  PlatformFacts facts;
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  facts.capacity.memory = Bytes(pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  facts.capacity.cpus = std::max(1U, std::thread::hardware_concurrency());
  facts.hypervisors.push_back({"soft", version, {"interpret", "translate", "counted"}});
  if (has_real_kvm()) facts.hypervisors.push_back({"kvm", version, {}});
  facts.labels = labels;
  facts.version = version;
  return facts;
}

}  // namespace orrery::cluster::host
