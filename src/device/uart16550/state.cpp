#include "device/fields.hpp"
#include "device/uart16550/uart16550.hpp"

namespace orrery::device::uart16550 {
namespace {
constexpr unsigned kVersion = 1;
}

State Uart16550::save() const {
  return save_fields(name(), kVersion, r_);
}

Result<> Uart16550::restore(const State& state) {
  ORRERY_CHECK(restore_fields(name(), kVersion, state, r_));
  line_open_ = listening();
  restart_timeout();
  update_interrupt();
  // This console has not refused what the other one had no room for, so it will not ask for it
  // either. What restores a machine may still be refused by another device: nothing goes out yet.
  host_.post([this] {
    send_waiting();
    receive_waiting();
    update_interrupt();
  });
  return {};
}

}  // namespace orrery::device::uart16550
