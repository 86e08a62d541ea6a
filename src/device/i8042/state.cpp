#include "device/fields.hpp"
#include "device/i8042/i8042.hpp"

namespace orrery::device::i8042 {
namespace {
constexpr unsigned kVersion = 1;
}

State I8042::save() const {
  return save_fields(name(), kVersion, r_);
}

Result<> I8042::restore(const State& state) {
  ORRERY_CHECK(restore_fields(name(), kVersion, state, r_));
  update_lines();
  fill();
  return {};
}

}  // namespace orrery::device::i8042
