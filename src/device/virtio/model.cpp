#include "device/virtio/model.hpp"

#include <nlohmann/json.hpp>

namespace orrery::device::virtio {

State Model::settings() const {
  return save();
}

void Model::adopt_settings(const State& settings, Features chosen) {
  restore(settings, chosen);
}

}  // namespace orrery::device::virtio
