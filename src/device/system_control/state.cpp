#include "device/fields.hpp"
#include "device/system_control/system_control.hpp"

namespace orrery::device::system_control {
namespace {
constexpr unsigned kVersion = 1;
}

State SystemControl::save() const {
  return save_fields(name(), kVersion, r_);
}

Result<> SystemControl::restore(const State& state) {
  return restore_fields(name(), kVersion, state, r_);
}

}  // namespace orrery::device::system_control
