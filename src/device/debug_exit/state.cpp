#include "device/debug_exit/debug_exit.hpp"
#include "device/fields.hpp"

namespace orrery::device::debug_exit {
namespace {

constexpr unsigned kVersion = 1;

// The port remembers nothing.
struct Registers {
  template <typename Archive, typename Self>
  static void fields(Archive&, Self&) {}
};

}  // namespace

State DebugExit::save() const {
  return save_fields(name(), kVersion, Registers{});
}

Result<> DebugExit::restore(const State& state) {
  Registers registers;
  return restore_fields(name(), kVersion, state, registers);
}

}  // namespace orrery::device::debug_exit
