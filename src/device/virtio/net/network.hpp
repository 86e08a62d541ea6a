// virtio-net (virtio 1.2, 5.1): an Ethernet card over port::Frames, with one or several pairs of
// queues and a control queue.
//
// It offers the offloads that its port takes, and no others.
#pragma once

#include <cstdint>
#include <vector>

#include "device/virtio/core.hpp"
#include "device/virtio/model.hpp"
#include "device/virtio/net/flow.hpp"
#include "device/virtio/net/receive_filter.hpp"
#include "device/virtio/net/registers.hpp"
#include "port/frames.hpp"

namespace orrery::device::virtio {

struct NetworkOptions {
  MacAddress mac{};
  unsigned pairs = 1;              // 1 to 16
  std::uint16_t queue_size = 256;  // a power of two
  std::uint16_t mtu = 0;           // 0: not told to the driver
};

class Network final : public Model {
 public:
  // The port must outlive the device, and stop calling back before the device goes.
  Network(port::Frames& port, const NetworkOptions& options);

  std::string_view name() const override { return "virtio-net"; }
  DeviceType type() const override { return DeviceType::kNetwork; }
  Features features() const override;
  bool accepts(Features chosen) const override;
  unsigned queue_count() const override { return 2 * options_.pairs + 1; }
  std::uint16_t queue_size(unsigned /*index*/) const override { return options_.queue_size; }
  ByteSpan config() override;

  void attach(Core& core) override;
  void start(Features chosen) override;
  void process(unsigned queue) override;
  bool stop() override;
  State save() const override;
  void restore(const State& state, Features chosen) override;

 private:
  // Queues 2n receive and 2n + 1 transmit; the control queue comes after all that the driver
  // knows of (5.1.2).
  static unsigned receive_queue(unsigned pair) { return 2 * pair; }
  static unsigned transmit_queue(unsigned pair) { return 2 * pair + 1; }
  unsigned control_queue() const;

  // transmit.cpp
  Taken transmit(unsigned pair, Virtqueue& queue);
  bool send(unsigned pair, const net::Header& header, ByteSpan bytes);
  bool offload_of(const net::Header& header, std::size_t size, port::FrameOffload& offload) const;
  void writable();

  // receive.cpp
  bool receive(const port::Frame& frame);
  Taken gather(Virtqueue& queue, std::uint64_t needed);
  Taken take_or_wait(Virtqueue& queue, Chain& chain);
  bool fill(unsigned index, const port::Frame& frame);
  void put_back_all(Virtqueue& queue);
  bool offload_allowed(const port::FrameOffload& offload) const;
  void resume_receiving();

  // control.cpp
  Taken control(unsigned index, Virtqueue& queue);
  bool command(const net::ControlHeader& header, ChainReader& data);
  bool set_receive_mode(std::uint8_t command, ChainReader& data);
  bool set_mac(std::uint8_t command, ChainReader& data);
  bool set_vlan(std::uint8_t command, ChainReader& data);
  bool set_pairs(std::uint8_t command, ChainReader& data);
  bool set_guest_offloads(std::uint8_t command, ChainReader& data);
  void apply_guest_offloads(Features offloads);

  port::Frames& port_;
  NetworkOptions options_;
  net::Config config_{};
  Core* core_ = nullptr;

  // The driver's choices, until a reset.
  net::ReceiveFilter filter_;
  MacAddress mac_{};
  unsigned active_pairs_ = 1;
  Features guest_offloads_ = 0;  // of kGuestChecksum, kGuestTso4, kGuestTso6

  net::FlowTable flows_;
  bool receive_stalled_ = false;  // the port holds a frame until resume()
  std::vector<bool> transmit_stalled_;
  Chain chain_;                // being transmitted, or a control command
  std::vector<Chain> chains_;  // being filled with one received frame
  std::size_t gathered_ = 0;   // how many of chains_ are taken
  std::vector<DmaSpan> spans_;
  std::vector<std::byte> frame_;  // a frame that came in pieces
};

}  // namespace orrery::device::virtio
