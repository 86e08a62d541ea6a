// virtio-rng (virtio 1.2, 5.4): random bytes for the guest from port::Entropy.
#pragma once

#include <cstdint>

#include "device/virtio/core.hpp"
#include "device/virtio/model.hpp"
#include "port/entropy.hpp"

namespace orrery::device::virtio {

class Entropy final : public Model {
 public:
  // The port must outlive the device.
  explicit Entropy(port::Entropy& port) : port_(port) {}

  std::string_view name() const override { return "virtio-rng"; }
  DeviceType type() const override { return DeviceType::kEntropy; }
  Features features() const override { return 0; }
  unsigned queue_count() const override { return 1; }
  std::uint16_t queue_size(unsigned /*index*/) const override { return 64; }
  ByteSpan config() override { return {}; }

  void attach(Core& core) override { core_ = &core; }
  void start(Features /*chosen*/) override {}
  void process(unsigned queue) override;
  bool stop() override { return true; }
  State save() const override;
  void restore(const State& state, Features chosen) override;

 private:
  Taken take(Virtqueue& queue);

  port::Entropy& port_;
  Core* core_ = nullptr;
  Chain chain_;
};

}  // namespace orrery::device::virtio
