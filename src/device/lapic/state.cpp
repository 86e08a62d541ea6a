#include "device/fields.hpp"
#include "device/lapic/lapic.hpp"

namespace orrery::device::lapic {
namespace {
constexpr unsigned kStateVersion = 1;
}

State LocalApic::save() const {
  return save_fields(name(), kStateVersion, r_);
}

Result<> LocalApic::restore(const State& state) {
  ORRERY_CHECK(restore_fields(name(), kStateVersion, state, r_));
  arm_timer();
  return {};
}

}  // namespace orrery::device::lapic
