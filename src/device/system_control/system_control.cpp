#include "device/system_control/system_control.hpp"

namespace orrery::device::system_control {

std::uint64_t SystemControl::read(unsigned /*region*/, std::uint64_t offset, Width width) {
  return offset == 0 && width == Width::k8 ? r_.value : mask_of(width);
}

void SystemControl::write(unsigned /*region*/, std::uint64_t offset, Width width,
                          std::uint64_t value) {
  if (offset != 0 || width != Width::k8) return;
  const auto byte = static_cast<std::uint8_t>(value);
  const bool rises = (byte & kFastReset) != 0 && (r_.value & kFastReset) == 0;
  r_.value = byte & (kFastReset | kA20);
  if (rises) host_.request_power(PowerRequest::kReset);
}

}  // namespace orrery::device::system_control
