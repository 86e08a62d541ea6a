#include "device/fields.hpp"
#include "device/ioapic/ioapic.hpp"

namespace orrery::device::ioapic {
namespace {
constexpr unsigned kStateVersion = 1;
}

State IoApic::save() const {
  return save_fields(name(), kStateVersion, r_);
}

Result<> IoApic::restore(const State& state) {
  return restore_fields(name(), kStateVersion, state, r_);
}

}  // namespace orrery::device::ioapic
