#include "device/fields.hpp"
#include "device/pit8254/pit8254.hpp"

namespace orrery::device::pit8254 {
namespace {
constexpr unsigned kVersion = 1;
}

State Pit8254::save() const {
  Registers settled = r_;
  for (Counter& counter : settled.counters) counter.settle(clocks());
  return save_fields(name(), kVersion, settled);
}

Result<> Pit8254::restore(const State& state) {
  ORRERY_CHECK(restore_fields(name(), kVersion, state, r_));
  update_output();
  return {};
}

}  // namespace orrery::device::pit8254
