// Fuzzes what stands in a VM for device models on a server with what a server that was taken over
// may send: a stream of packets, between which the guest and its connection do what they do.
//
// An input: one byte of who it is (0: a device with registers, otherwise a virtio disk with those
// features), then packets. What happens behind each is said by a field that is of no use here.
#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "device/virtio/driver.hpp"
#include "device/virtio/transport/pci_transport.hpp"
#include "remote/client/remote_device.hpp"
#include "remote/client/remote_model.hpp"
#include "remote/packet/codec.hpp"
#include "support/fake_host.hpp"

namespace {

using namespace orrery;
using namespace orrery::remote;
namespace virtio = device::virtio;

class FakeServer final : public ToServer {
 public:
  void send(const Body& body) override {
    // What a VM says is well-formed, whatever it was told.
    const auto packet = encode(body, 1, 0);
    ORRERY_ASSERT(decode(packet).has_value());
  }
  bool has_credit() override { return credit; }
  ToDevice address_of(DeviceId device) const override { return {device, {}, {}}; }

  bool credit = true;
};

// The VM's own tags begin with its number, which a stream of bytes would hardly guess.
constexpr std::uint16_t kNumber = 1;
std::uint64_t tag_near(std::uint64_t tag) {
  return std::uint64_t{kNumber} << RemotePart::kNumberShift | (tag & 0x3f);
}

class Guest {
 public:
  virtual ~Guest() = default;
  virtual RemotePart& part() = 0;
  virtual Description description() = 0;
  virtual void act(std::uint64_t choice) = 0;
  FakeServer server;
};

// A vCPU that never waits.
class RegisterGuest final : public Guest {
 public:
  RegisterGuest() {
    device_.attach(host_);
    device_.stop_waiting();
  }
  RemotePart& part() override { return device_; }
  Description description() override {
    return {.device = DeviceId(5),
            .model = "uart16550",
            .type = 0,
            .features = 0,
            .queue_sizes = {},
            .config = {},
            .registers = RegisterInterface{.lines = 2, .posted = {{0, 0}, {1, 4}}}};
  }
  void act(std::uint64_t choice) override {
    {
      const std::lock_guard lock(host_.device_lock());
      const auto offset = choice >> 3 & 7;
      switch (choice & 7) {
        case 0: device_.write(choice >> 6 & 1, offset, Width::k8, choice); break;
        case 1: device_.write(1, 4, Width::k32, choice); break;
        case 2: device_.read(0, offset, Width::k16); break;
        case 3: device_.reset(); break;
        case 4: {
          const device::State state = device_.save();
          ORRERY_ASSERT(device_.restore(state));
          break;
        }
        default: break;
      }
    }
    device_.stop_waiting();
  }

 private:
  testing::FakeHost host_;
  RemoteDevice device_{server, "device0", kNumber, description()};
};

class QueueGuest final : public Guest {
 public:
  explicit QueueGuest(virtio::Features features) {
    static_cast<void>(driver_.start(features & description().features, 16));
  }
  RemotePart& part() override { return model_; }
  Description description() override {
    return {.device = DeviceId(5),
            .model = "virtio-blk",
            .type = 2,
            .features = 0xf7,
            .queue_sizes = {16, 16},
            .config = std::vector<std::uint8_t>(64)};
  }
  void act(std::uint64_t choice) override {
    constexpr std::uint64_t kBuffers = 0x8'0000;
    switch (choice & 7) {
      case 0:
        driver_.queue(choice >> 3 & 1).add({{kBuffers, 16}, {kBuffers + 64, 600, true}});
        driver_.notify(choice >> 3 & 1);
        break;
      case 1: transport_.write(0, 0x2000 + (choice >> 3 & 63), Width::k8, choice >> 9); break;
      case 2: {
        const device::State state = transport_.save();
        ORRERY_ASSERT(transport_.restore(state));
        break;
      }
      case 3: driver_.set_status(0); break;
      default: break;
    }
    host_.run_posted(1000);
  }

 private:
  testing::FakeHost host_{1 << 20};
  std::unique_ptr<RemoteModel> owned_ =
      std::make_unique<RemoteModel>(server, "device0", kNumber, description());
  RemoteModel& model_ = *owned_;
  virtio::PciTransport transport_{host_, std::move(owned_)};
  testing::Driver driver_{host_, transport_};
};

// What its connection does with it, and to it.
void deliver(Guest& guest, Body& body) {
  RemotePart& part = guest.part();
  if (auto* const feedback = std::get_if<Feedback>(&body)) {
    const auto description = decode_description(feedback->data);
    if (description) static_cast<void>(part.found(guest.server, *description));
    feedback->tag = tag_near(feedback->tag);
    part.take(*feedback);
  } else if (auto* const result = std::get_if<QueueResult>(&body)) {
    result->tag = tag_near(result->tag);
    part.take(*result);
  } else if (const auto* const interrupt = std::get_if<Interrupt>(&body)) {
    part.take(*interrupt);
  } else if (auto* const event = std::get_if<Event>(&body)) {
    std::vector<std::byte> data(event->data.begin(), event->data.end());
    if (data.size() >= sizeof(std::uint64_t)) {
      store_le(data.data(), tag_near(load_le<std::uint64_t>(data.data())));
    }
    event->data = data;
    part.take(*event);
  }
}

void disturb(Guest& guest, std::uint64_t choice) {
  RemotePart& part = guest.part();
  switch (choice & 7) {
    case 1: part.hold(); break;
    case 2: part.lost(); break;
    case 3: part.keep_settings(as_bytes(&choice, sizeof choice)); break;
    case 4: static_cast<void>(part.found(guest.server, guest.description())); break;
    case 5: guest.server.credit = !guest.server.credit; break;
    case 6: part.go_on(); break;
    default: break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::unique_ptr<Guest> guest;
  if (data[0] == 0) {
    guest = std::make_unique<RegisterGuest>();
  } else {
    guest = std::make_unique<QueueGuest>(data[0]);
  }
  ByteSpan rest = as_bytes(data + 1, size - 1);
  while (true) {
    const auto length = packet_length(rest);
    if (!length || !*length || **length > rest.size()) return 0;
    auto packet = decode(rest.first(**length));
    rest = rest.subspan(**length);
    if (!packet) continue;
    guest->act(packet->header.acknowledged);
    deliver(*guest, packet->body);
    disturb(*guest, packet->header.acknowledged >> 16);
  }
}
