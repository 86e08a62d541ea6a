// Fuzzes the device models of a server with what a VMM that was taken over may send: a stream of
// packets, given to a session's service one after the other, with turns of the loop and answers of
// the disk between them.
#include "base/assert.hpp"
#include "device/i8042/i8042.hpp"
#include "device/rtc_cmos/rtc_cmos.hpp"
#include "device/uart16550/uart16550.hpp"
#include "device/virtio/block/block.hpp"
#include "device/virtio/console/console.hpp"
#include "device/virtio/entropy/entropy.hpp"
#include "device/virtio/net/network.hpp"
#include "remote/packet/codec.hpp"
#include "remote/server/device_server.hpp"
#include "support/fake_host.hpp"
#include "support/fake_ports.hpp"

namespace {

using namespace orrery;
using namespace orrery::remote;

struct Served {
  Served() {
    namespace virtio = device::virtio;
    server.add("disk0", std::make_unique<virtio::Block>(disk, virtio::BlockOptions{.queues = 2}));
    server.add("rng0", std::make_unique<virtio::Entropy>(entropy));
    server.add("net0", std::make_unique<virtio::Network>(frames, virtio::NetworkOptions{}));
    std::vector<virtio::ConsolePort> ports;
    ports.push_back({.port = console, .name = "port"});
    server.add("console0", std::make_unique<virtio::Console>(std::move(ports)));
    add_registers();
  }

  void add_registers() {
    using namespace device;
    server.add("uart0",
               [this](Host& host) {
                 auto uart = std::make_unique<uart16550::Uart16550>(host);
                 uart->attach(line);
                 return uart;
               },
               {.lines = 1, .posted = {{0, 0}}});
    server.add("rtc0",
               [](Host& host) { return std::make_unique<rtc_cmos::RtcCmos>(host, Ticks(0)); },
               {.lines = 1, .posted = {}});
    server.add("i8042", [](Host& host) { return std::make_unique<i8042::I8042>(host); },
               {.lines = 2, .posted = {}});
  }

  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  testing::FakeBlocks disk{64 << 10};
  testing::FakeEntropy entropy;
  testing::FakeFrames frames;
  testing::FakeConsole console;
  testing::FakeConsole line;
  DeviceServer server{*loop};
};

// What happens between two packets: the first says it in a field that is of no use here.
void live(Served& served, std::uint64_t choice) {
  if ((choice & 1) != 0) served.loop->poll();
  if ((choice & 2) != 0) served.disk.complete_all();
  if ((choice & 4) != 0) served.console.type("typed");
  if ((choice & 4) != 0) served.line.type("typed");
  const std::byte frame[64] = {};
  if ((choice & 8) != 0) static_cast<void>(served.frames.deliver(frame));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Served served;
  served.disk.cached = size % 2 == 0;
  {
    ServerLink link(*served.loop, {}, Hello{}, "fuzzer", [] {});
    const auto service = *served.server.serve(link);
    ByteSpan rest = as_bytes(data, size);
    while (true) {
      const auto length = packet_length(rest);
      if (!length || !*length || **length > rest.size()) break;
      const auto packet = decode(rest.first(**length));
      rest = rest.subspan(**length);
      if (!packet) continue;
      service->take(*packet);
      live(served, packet->header.acknowledged);
    }
  }
  // The VM is gone: all that was under way ends.
  for (unsigned turns = 0; !served.server.is_idle(); ++turns) {
    served.disk.complete_all();
    served.loop->poll();
    ORRERY_ASSERT(turns < 1000);
  }
  return 0;
}
