#include "device/fields.hpp"
#include "device/power/power.hpp"

namespace orrery::device::power {
namespace {
constexpr unsigned kVersion = 1;
}

State Power::save() const {
  return save_fields(name(), kVersion, r_);
}

Result<> Power::restore(const State& state) {
  ORRERY_CHECK(restore_fields(name(), kVersion, state, r_));
  publish();
  return {};
}

}  // namespace orrery::device::power
