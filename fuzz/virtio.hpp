// Fuzzing of a virtio device on PCI: the input is a list of actions of a hostile driver, and of the
// ports. The device must survive all of them, keep no guest memory mapped once its ports are done,
// and come back to life after a reset.
//
// An input: one byte of features (bit 0 packed, 1 event index, 2 indirect, 3 all of the type's),
// then actions of one byte and their operands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "device/virtio/driver.hpp"
#include "device/virtio/transport/pci_transport.hpp"
#include "input.hpp"
#include "support/fake_host.hpp"
#include "support/fake_ports.hpp"

namespace orrery::fuzz {

namespace virtio = device::virtio;

inline void require(bool condition) {
  if (!condition) std::abort();
}

// A host whose memory goes to the next one: zeroing it is cheaper than faulting new pages in.
class ThriftyHost : public testing::FakeHost {
 public:
  explicit ThriftyHost(std::size_t size) {
    if (!spare().empty()) {
      memory = std::move(spare().back());
      spare().pop_back();
    }
    memory.resize(size);
    std::memset(memory.data(), 0, size);
  }
  ~ThriftyHost() override { spare().push_back(std::move(memory)); }
  ThriftyHost(const ThriftyHost&) = delete;
  ThriftyHost& operator=(const ThriftyHost&) = delete;

 private:
  static std::vector<std::vector<std::byte>>& spare() {
    static std::vector<std::vector<std::byte>> all;
    return all;
  }
};

// PORT makes the model (`std::unique_ptr<virtio::Model> model()`), acts from outside (`void
// act(Input&)`) and finishes what it was given (`void settle()`).
template <typename Port>
class Session {
 public:
  explicit Session(Input& input) : input_(input), states_allowed_(most_states(input)) {
    start(input.take<std::uint8_t>());
  }

  void run() {
    for (unsigned n = 0; n < kMostActions && !input_.empty(); ++n) act(input_.take<std::uint8_t>());
    host_.run_posted(kPatience);
    port_.settle();
    host_.run_posted(kPatience);
    device_->reset();
    host_.run_posted(kPatience);
    require(host_.mapped_spans == 0);
    require(driver_.status() == 0);
  }

 private:
  static constexpr std::size_t kMemory = 256 << 10;
  static constexpr std::uint64_t kBuffers = 0x3'0000;
  static constexpr std::uint16_t kQueueSize = 8;
  static constexpr unsigned kMostActions = 64;
  // Posted work that begets work without end would be a finding of its own; this many is plenty.
  static constexpr std::size_t kPatience = 1000;

  void start(std::uint8_t choice) {
    virtio::Features features = 0;
    if ((choice & 1) != 0) features |= virtio::kRingPacked;
    if ((choice & 2) != 0) features |= virtio::kEventIndex;
    if ((choice & 4) != 0) features |= virtio::kIndirectDescriptors;
    if ((choice & 8) != 0) features |= driver_.offered() & 0xFF'FFFF;
    driver_.start(features, kQueueSize);
  }

  unsigned queue() {
    return input_.take<std::uint8_t>() %
           static_cast<unsigned>(driver_.get(virtio::CommonField::kNumQueues));
  }
  std::uint64_t address() {
    const auto value = input_.take<std::uint16_t>();
    if (value >= 0xFFF0) return input_.take<std::uint64_t>();
    return kBuffers + value;
  }
  Width width() { return static_cast<Width>(1 << (input_.take<std::uint8_t>() % 4)); }

  std::vector<testing::Buffer> buffers() {
    std::vector<testing::Buffer> result(1 + input_.take<std::uint8_t>() % 5);
    for (testing::Buffer& buffer : result) {
      buffer.address = address();
      const auto length = input_.take<std::uint16_t>();
      buffer.length = length;
      buffer.device_writes = (length & 0x8000) != 0;
      if (length != 0xFFFF) buffer.length &= 0x1FFF;
    }
    return result;
  }

  void write_memory(std::uint64_t at) {
    const auto bytes = input_.take_bytes(input_.take<std::uint8_t>());
    static_cast<void>(host_.dma_write(GuestPhysical(at), std::as_bytes(bytes)));
  }

  void save_and_restore() {
    if (states_++ >= states_allowed_) return;
    const auto state = device_->save();
    Port other_port;
    ThriftyHost other_host(kMemory);
    other_host.memory = host_.memory;
    virtio::PciTransport other(other_host, other_port.model());
    require(other.restore(state).has_value());
    other_host.run_posted(kPatience);
    other_port.settle();
    other_host.run_posted(kPatience);
  }

  void act(std::uint8_t action) {
    switch (action % 12) {
      case 0: write_memory(address()); break;
      case 1: {  // the rings themselves
        const auto at = testing::Driver::kQueues + input_.take<std::uint16_t>();
        write_memory(at);
        break;
      }
      case 2: {
        const unsigned index = queue();
        driver_.queue(index).add(buffers());
        break;
      }
      case 3: {
        const unsigned index = queue();
        const auto chain = buffers();
        driver_.queue(index).add_indirect(chain, kBuffers + 16 * (input_.take<std::uint8_t>()));
        break;
      }
      case 4: driver_.notify(queue()); break;
      case 5: host_.run_posted(input_.take<std::uint8_t>()); break;
      case 6: {
        const auto offset = input_.take<std::uint16_t>();
        const Width size = width();
        device_->write(input_.take<std::uint8_t>() % 8, offset, size, input_.take<std::uint64_t>());
        break;
      }
      case 7: {
        const auto offset = input_.take<std::uint16_t>();
        device_->read(input_.take<std::uint8_t>() % 8, offset, width());
        break;
      }
      case 8: port_.act(input_); break;
      case 9: start(input_.take<std::uint8_t>()); break;
      case 10: save_and_restore(); break;
      default: port_.settle();
    }
  }

  Input& input_;
  const unsigned states_allowed_;
  unsigned states_ = 0;
  ThriftyHost host_{kMemory};
  Port port_;
  std::unique_ptr<virtio::PciTransport> device_ =
      std::make_unique<virtio::PciTransport>(host_, port_.model());
  testing::Driver driver_{host_, *device_};
};

template <typename Port>
int run(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Session<Port>(input).run();
  return 0;
}

}  // namespace orrery::fuzz
