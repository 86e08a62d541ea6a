// What concerns the processor as a whole: HLT, INVD, WBINVD (SDM vol. 2). Caches are transparent
// here, so that writing them back is only a matter of privilege.
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {
namespace {

void halt(Cpu& cpu, const Instruction&) {
  require_privilege_0(cpu);
  cpu.halt();
}

void write_back_caches(Cpu& cpu, const Instruction&) {
  require_privilege_0(cpu);
}

bool select_halt(const Decoded&, Instruction& record) {
  record.handler = &leave<halt>;
  return true;
}

bool select_write_back(const Decoded&, Instruction& record) {
  record.handler = &step<write_back_caches>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_HLT, select_halt, Ends::kBlock},
    {ZYDIS_MNEMONIC_INVD, select_write_back},
    {ZYDIS_MNEMONIC_WBINVD, select_write_back},
};

}  // namespace

std::span<const Row> processor_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
