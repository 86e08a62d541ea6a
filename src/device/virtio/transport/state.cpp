// Save and restore of a virtio device on PCI: the transport's registers; the rest is Core's and
// Function's.
#include "device/saved_state.hpp"
#include "device/virtio/transport/pci_transport.hpp"

namespace orrery::device::virtio {
namespace {

constexpr int kStateVersion = 1;

}  // namespace

State PciTransport::save() const {
  return {{"version", kStateVersion},
          {"pci", save_function()},
          {"device_feature_select", device_feature_select_},
          {"driver_feature_select", driver_feature_select_},
          {"queue_select", queue_select_},
          {"config_vector", config_vector_},
          {"queue_vectors", queue_vectors_},
          {"isr", isr_},
          {"core", core_.save()}};
}

// Core's state comes after all that can be refused was parsed, and is the last that can be refused.
Result<> PciTransport::restore(const State& state) {
  return read_state(state, name(), kStateVersion, [&] {
    auto function = parse_function(state.at("pci"));
    const auto device_select = state.at("device_feature_select").get<std::uint32_t>();
    const auto driver_select = state.at("driver_feature_select").get<std::uint32_t>();
    const auto queue_select = state.at("queue_select").get<std::uint16_t>();
    const auto config_vector = state.at("config_vector").get<std::uint16_t>();
    auto vectors = state.at("queue_vectors").get<std::vector<std::uint16_t>>();
    const auto isr = state.at("isr").get<std::uint8_t>();
    if (vectors.size() != queue_vectors_.size()) {
      throw std::runtime_error("the number of queues differs");
    }
    core_.restore(state.at("core"));
    device_feature_select_ = device_select;
    driver_feature_select_ = driver_select;
    queue_select_ = queue_select;
    config_vector_ = checked_vector(config_vector);
    for (std::size_t i = 0; i < vectors.size(); ++i) queue_vectors_[i] = checked_vector(vectors[i]);
    isr_ = isr;
    commit_function(std::move(function));
  });
}

}  // namespace orrery::device::virtio
