// virtio-console (virtio 1.2, 5.3): one or several byte streams over port::Console, with names,
// open and close, and the size of the terminal.
//
// Both directions have flow control: what the port does not take waits in the driver's buffers, and
// what the driver has no buffer for waits in the port.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

#include "device/virtio/console/registers.hpp"
#include "device/virtio/core.hpp"
#include "device/virtio/model.hpp"
#include "port/console.hpp"

namespace orrery::device::virtio {

enum class ConsolePortKind : std::uint8_t {
  kTerminal,  // the guest makes it a console (hvc)
  kChannel,   // a plain stream between programs, found by its name
};

struct ConsolePort {
  port::Console& port;  // outlives the device
  ConsolePortKind kind = ConsolePortKind::kTerminal;
  std::string name;
};

class Console final : public Model {
 public:
  // At least one port, at most 31; the first is a terminal for drivers without MULTIPORT.
  explicit Console(std::vector<ConsolePort> ports);

  // The terminal's size changed. Called with the device lock held.
  void resize(std::uint16_t columns, std::uint16_t rows);

  std::string_view name() const override { return "virtio-console"; }
  DeviceType type() const override { return DeviceType::kConsole; }
  Features features() const override;
  unsigned queue_count() const override;
  std::uint16_t queue_size(unsigned /*index*/) const override { return 128; }
  ByteSpan config() override { return as_bytes(&config_, sizeof config_); }
  void write_config(std::uint64_t offset, Width width, std::uint64_t value) override;

  void attach(Core& core) override;
  void start(Features chosen) override;
  void process(unsigned queue) override;
  bool stop() override;
  State save() const override;
  State settings() const override;
  void restore(const State& state, Features chosen) override;

 private:
  struct Stream {
    ConsolePort port;
    bool guest_open = false;
    // Bytes of the next chain to transmit that the port has taken already.
    std::uint64_t taken = 0;
    // Control messages that the driver has yet to be sent, one bit for each Event.
    std::bitset<console::kEvents> messages{};
  };

  static unsigned receive_queue(unsigned port) { return port == 0 ? 0 : 2 * port + 2; }
  static unsigned transmit_queue(unsigned port) { return receive_queue(port) + 1; }

  Taken receive(unsigned port, Virtqueue& queue);
  Taken transmit(unsigned port, Virtqueue& queue);

  // control.cpp
  Taken control(Virtqueue& queue);
  void handle(const console::Control& message);
  void tell(unsigned port, console::Event event);
  void send_messages();
  bool send_message(unsigned port, console::Event event);

  std::vector<Stream> streams_;
  console::Config config_{};
  Core* core_ = nullptr;
  Chain chain_;
};

}  // namespace orrery::device::virtio
