// Save and restore of virtio-rng, which keeps nothing of its own.
#include "device/saved_state.hpp"
#include "device/virtio/entropy/entropy.hpp"

namespace orrery::device::virtio {

State Entropy::save() const {
  return State::object();
}

void Entropy::restore(const State& /*state*/, Features /*chosen*/) {}

}  // namespace orrery::device::virtio
