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
#include "remote/packet/description.hpp"
#include "remote/packet/packet.hpp"

namespace orrery::remote {

// Where a RemoteModel sends to: the connection to its server.
class ToServer {
 public:
  virtual ~ToServer() = default;
  // Any thread.
  virtual void send(const Body& body) = 0;
  virtual bool has_credit() = 0;
  virtual ToDevice address_of(DeviceId device) const = 0;
};

class RemoteModel final : public device::virtio::Model {
 public:
  // Where its number stands in the tags of its requests.
  static constexpr unsigned kNumberShift = 48;

  // NUMBER: makes tags unique among the models of one server.
  RemoteModel(ToServer& server, std::string name, std::uint16_t number, Description description);

  // ---- The connection's, on the loop, without the device's lock ----

  // The server's name for the model.
  const std::string& remote_name() const { return remote_name_; }
  void take(const QueueResult& result);
  void take(const Event& event);
  // There may be credit again.
  void go_on();
  // Nothing that was sent will be answered, and nothing is to be sent, until found() again.
  void lost();
  // A server has it, be it another one: what was under way is sent (again). An error: it is another
  // device than it was.
  Result<> found(const Description& description);
  DeviceId device() const { return description_.device; }

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
  void command(CommandCode code, ByteSpan data);
  bool fill(const UnderWay& request, const QueueResult& result);

  ToServer& server_;
  const std::string remote_name_;
  const std::uint64_t tag_base_;
  Description description_;
  device::virtio::Core* core_ = nullptr;
  bool found_ = true;
  bool started_ = false;
  device::virtio::Features chosen_ = 0;
  std::uint64_t last_tag_ = 0;
  std::map<std::uint64_t, UnderWay> under_way_;  // by tag, so in the order of asking
  std::vector<std::byte> payload_;               // kept for its memory
};

}  // namespace orrery::remote
