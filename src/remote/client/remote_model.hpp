// A virtio device model that is on a server: in the VMM it has transport and rings like any other,
// and what the driver asks for goes out as packets, descriptors with their payload, so that each
// request takes one round trip.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "device/virtio/core.hpp"
#include "device/virtio/model.hpp"
#include "remote/client/remote_part.hpp"

namespace orrery::remote {

class RemoteModel final : public device::virtio::Model, public RemotePart {
 public:
  RemoteModel(ToServer& server, std::string name, std::uint16_t number, Description description);

  // ---- RemotePart ----

  DeviceId device() const override { return description_.device; }
  using RemotePart::take;
  void take(const QueueResult& result) override;
  void take(const Event& event) override;
  void go_on() override;
  void hold() override;
  void keep_settings(ByteSpan settings) override;
  void lost() override;
  Result<> found(ToServer& server, const Description& description) override;

  // ---- device::virtio::Model ----

  std::string_view name() const override { return description_.model; }
  device::virtio::DeviceType type() const override {
    return static_cast<device::virtio::DeviceType>(description_.type);
  }
  device::virtio::Features features() const override { return description_.features; }
  unsigned queue_count() const override {
    return static_cast<unsigned>(description_.queue_sizes.size());
  }
  std::uint16_t queue_size(unsigned index) const override {
    return description_.queue_sizes[index];
  }
  ByteSpan config() override {
    return as_bytes(description_.config.data(), description_.config.size());
  }
  void write_config(std::uint64_t offset, Width width, std::uint64_t value) override;
  void attach(device::virtio::Core& core) override { core_ = &core; }
  void start(device::virtio::Features chosen) override;
  void process(unsigned queue) override;
  // Sending takes no waiting, and the answer comes by itself.
  bool works_at_once() const override { return true; }
  bool stop() override;
  device::State save() const override;
  void restore(const device::State& state, device::virtio::Features chosen) override;

 private:
  struct UnderWay {
    unsigned queue = 0;
    device::virtio::Chain chain;
  };

  device::virtio::Taken take_chain(unsigned queue, device::virtio::Virtqueue& from);
  void send(std::uint64_t tag, const UnderWay& request);
  void process_all();
  void send_start();
  void command(CommandCode code, ByteSpan data, std::uint64_t tag = 0);
  bool fill(const UnderWay& request, const QueueResult& result);
  void take_settings(ByteSpan data);
  void forget_settings();

  // Guarded by the device's lock, as all that is not const.
  ToServer* server_;
  Description description_;
  device::virtio::Core* core_ = nullptr;
  bool found_ = true;
  bool started_ = false;
  device::virtio::Features chosen_ = 0;
  std::uint64_t last_tag_ = 0;
  std::map<std::uint64_t, UnderWay> under_way_;  // by tag, so in the order of asking
  std::vector<std::byte> payload_;               // kept for its memory

  // Of the model, as the server last said; it begins with them elsewhere. None: as at its start.
  std::vector<std::byte> settings_;
  // Those that hold with the result that has the tag, which follows.
  std::vector<std::byte> next_settings_;
  std::uint64_t next_settings_tag_ = 0;
  // The last write to the configuration, until the server has said what came of it.
  std::vector<std::byte> config_write_;
  std::uint64_t config_tag_ = 0;
  bool held_ = false;  // and not started anew since
};

}  // namespace orrery::remote
