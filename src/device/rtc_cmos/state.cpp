#include "device/fields.hpp"
#include "device/rtc_cmos/rtc_cmos.hpp"

namespace orrery::device::rtc_cmos {
namespace {
constexpr unsigned kVersion = 1;
}

State RtcCmos::save() const {
  return save_fields(name(), kVersion, r_);
}

Result<> RtcCmos::restore(const State& state) {
  ORRERY_CHECK(restore_fields(name(), kVersion, state, r_));
  update();
  return {};
}

}  // namespace orrery::device::rtc_cmos
