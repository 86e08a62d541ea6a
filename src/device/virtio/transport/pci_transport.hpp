// A virtio device on PCI: the modern transport of virtio 1.2, 4.1, around a model of any type.
//
// Regions: BAR 0 the virtio structures, BAR 1 MSI-X, then configuration space (registers.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "device/pci/function.hpp"
#include "device/virtio/core.hpp"
#include "device/virtio/transport/registers.hpp"

namespace orrery::device::virtio {

class PciTransport final : public pci::Function, private Signals {
 public:
  PciTransport(Host& host, std::unique_ptr<Model> model);

  std::string_view name() const override { return core_.model().name(); }
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  std::uint64_t read_bar(unsigned bar, std::uint64_t offset, Width width) override;
  void write_bar(unsigned bar, std::uint64_t offset, Width width, std::uint64_t value) override;
  void before_config_read(std::uint64_t offset, Width width) override;
  void after_config_write(std::uint64_t offset, Width width) override;

  void used_buffers(unsigned queue) override;
  void configuration_changed() override;

  void add_structure(PciCapabilityType type, std::uint64_t start);
  void add_capabilities();
  std::uint64_t read_common(std::uint64_t offset, Width width);
  void write_common(std::uint64_t offset, Width width, std::uint64_t value);
  std::uint64_t common(CommonField field) const;
  void set_common(CommonField field, std::uint64_t value);
  void set_queue(Virtqueue& queue, CommonField field, std::uint64_t value);
  std::uint64_t read_device(std::uint64_t offset, Width width);
  std::uint64_t read_isr(std::uint64_t offset);
  void interrupt(std::uint16_t vector, IsrBit cause);
  std::uint16_t checked_vector(std::uint64_t vector) const;
  bool selected() const { return queue_select_ < core_.queue_count(); }
  struct Window {
    unsigned bar;
    std::uint64_t offset;
    Width width;
  };
  std::optional<Window> pci_config_window(std::uint64_t offset, Width width) const;
  void forget_driver();

  Core core_;
  unsigned pci_config_capability_ = 0;

  std::uint32_t device_feature_select_ = 0;
  std::uint32_t driver_feature_select_ = 0;
  std::uint16_t queue_select_ = 0;
  std::uint16_t config_vector_ = kNoVector;
  std::vector<std::uint16_t> queue_vectors_;
  std::uint8_t isr_ = 0;
};

}  // namespace orrery::device::virtio
