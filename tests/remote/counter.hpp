// A device model that shows every request that was lost, or carried out twice: it answers each with
// how many there were.
#pragma once

#include <cstdint>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "device/virtio/core.hpp"
#include "device/virtio/model.hpp"

namespace orrery::remote {

class Counter final : public device::virtio::Model {
 public:
  std::string_view name() const override { return "counter"; }
  device::virtio::DeviceType type() const override { return device::virtio::DeviceType::kEntropy; }
  device::virtio::Features features() const override { return 0; }
  unsigned queue_count() const override { return 1; }
  std::uint16_t queue_size(unsigned /*index*/) const override { return 256; }
  ByteSpan config() override { return {}; }
  void attach(device::virtio::Core& core) override { core_ = &core; }
  void start(device::virtio::Features /*chosen*/) override {}
  void process(unsigned queue) override {
    core_->drain(queue, [this, queue](device::virtio::Virtqueue& from) {
      device::virtio::Chain chain;
      const device::virtio::Taken taken = from.take(chain);
      if (taken != device::virtio::Taken::kChain) return taken;
      ++count_;
      if (!device::virtio::ChainWriter(core_->host(), chain).write_object(count_)) {
        core_->fail("a request without room for a count");
        return taken;
      }
      core_->settings_changed();
      core_->give(queue, chain, sizeof count_);
      return taken;
    });
  }
  bool stop() override {
    count_ = 0;
    return true;
  }
  device::State save() const override { return {{"count", count_}}; }
  void restore(const device::State& state, device::virtio::Features /*chosen*/) override {
    count_ = state.at("count").get<std::uint64_t>();
  }

 private:
  device::virtio::Core* core_ = nullptr;
  std::uint64_t count_ = 0;
};

}  // namespace orrery::remote
