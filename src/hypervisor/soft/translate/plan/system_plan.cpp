#include "hypervisor/soft/translate/plan/system_plan.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

bool has_rex_w(const Decoded& decoded) {
  return (decoded.info.attributes & ZYDIS_ATTRIB_HAS_REX) != 0 && decoded.info.raw.rex.W != 0;
}

}  // namespace

std::optional<Way> system_way(const Decoded& decoded) {
  switch (decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL: return Way::kSystemCall;
    case ZYDIS_MNEMONIC_SYSRET:
      return has_rex_w(decoded) ? std::optional(Way::kSystemReturn) : std::nullopt;
    case ZYDIS_MNEMONIC_SWAPGS: return Way::kSwapGs;
    case ZYDIS_MNEMONIC_CLI: return Way::kClearInterrupt;
    case ZYDIS_MNEMONIC_STI: return Way::kSetInterrupt;
    case ZYDIS_MNEMONIC_CLD: return Way::kClearDirection;
    case ZYDIS_MNEMONIC_PUSHFQ: return Way::kPushFlags;
    case ZYDIS_MNEMONIC_CLAC:
    case ZYDIS_MNEMONIC_STAC: return Way::kAccessCheck;
    default: return std::nullopt;
  }
}

Plan plan_for_system(Way way) {
  Plan plan;
  plan.way = way;
  switch (way) {
    case Way::kPushFlags: plan.flags_read = kAllFlags; break;
    case Way::kSystemReturn:
      plan.ends_block = true;
      plan.flags_written = plan.flags_touched = kAllFlags;
      break;
    case Way::kAccessCheck: plan.ends_block = true; break;
    case Way::kSystemCall:
    case Way::kSystem:
      plan.ends_block = true;
      plan.flags_read = plan.flags_written = plan.flags_touched = kAllFlags;
      break;
    default: break;
  }
  return plan;
}

bool is_open_in(Way way, AccessMode mode, bool has_access_checks) {
  switch (way) {
    case Way::kSystemCall: return is_user(mode);
    case Way::kSystemReturn:
    case Way::kSwapGs:
    case Way::kClearInterrupt:
    case Way::kSetInterrupt: return !is_user(mode);
    case Way::kAccessCheck: return !is_user(mode) && has_access_checks;
    default: return true;
  }
}

}  // namespace orrery::hypervisor::soft::translate
