// A virtio device model of this server, for one VM at a time: the class that runs in a VMM, with
// requests in packets where that has rings in guest memory. On the loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "device/virtio/core.hpp"
#include "remote/server/hosted.hpp"
#include "remote/server/model_host.hpp"

namespace orrery::remote {

class HostedModel final : public Hosted, private device::virtio::Signals {
 public:
  // FREED: posted when a VM that had it has it no more, and nothing is under way.
  HostedModel(EventLoop& loop, DeviceId id, std::string name,
              std::unique_ptr<device::virtio::Model> model, std::function<void()> freed = {});

  Result<Description> open(ServerLink& link) override;
  void close() override;
  bool is_free() const override { return link_ == nullptr && !resetting_; }

  using Hosted::take;
  void take(const Command& command) override;
  void take(const QueueRequest& request, std::uint32_t packet_bytes) override;

 private:
  class Ring;

  void used_buffers(unsigned queue) override;
  void configuration_changed() override;
  void reset_done() override;
  void settings_changed() override { settings_changed_ = true; }

  std::vector<std::uint8_t> config();
  Result<> carry_out(const Command& command);
  Result<> start(ByteSpan data);
  Result<> write_config(ByteSpan data);
  Result<> restore(ByteSpan data);
  void adopt(const device::State& settings);
  void save(std::uint64_t tag);
  void go(device::virtio::Features features);
  void stop();
  void begin_anew();
  void tell_settings(std::uint64_t tag);
  void tell_configuration();
  void tell_needs_reset();
  void give(unsigned queue, const device::virtio::Chain& chain, std::uint32_t written);

  EventLoop& loop_;
  const std::function<void()> freed_;
  ModelHost host_;
  device::virtio::Core core_;
  bool resetting_ = false;
  bool settings_changed_ = false;
  // Once the reset is done: an answer to kSave, and how the next driver begins.
  struct Saved {
    std::uint64_t tag = 0;
    std::vector<std::uint8_t> settings;
  };
  std::optional<Saved> saved_;
  std::optional<device::virtio::Features> start_later_;
  std::optional<device::State> restore_later_;
  std::vector<std::deque<KeptRequest>> waiting_;  // by queue
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

}  // namespace orrery::remote
