#include "device/virtio/console/console.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace orrery::device::virtio {

using namespace console;

namespace {

// Bytes that move at once between a chain and a port: a page, which drivers' buffers are too.
constexpr std::size_t kPiece = 4096;
constexpr std::size_t kMostPorts = 31;

}  // namespace

Console::Console(std::vector<ConsolePort> ports) {
  ORRERY_ASSERT(!ports.empty() && ports.size() <= kMostPorts);
  for (ConsolePort& port : ports) streams_.push_back({.port = std::move(port)});
  config_.max_nr_ports = static_cast<std::uint32_t>(streams_.size());
}

Features Console::features() const {
  return kSize | kMultiport | kEmergencyWrite;
}

unsigned Console::queue_count() const {
  return 2 * static_cast<unsigned>(streams_.size()) + 2;
}

void Console::attach(Core& core) {
  core_ = &core;
  for (unsigned i = 0; i < streams_.size(); ++i) {
    streams_[i].port.port.set_callbacks(
        core.host().serialized([this, i] { process(receive_queue(i)); }),
        core.host().serialized([this, i] { process(transmit_queue(i)); }));
  }
}

// Without MULTIPORT there is one port, and it is open (5.3.6).
void Console::start(Features chosen) {
  if ((chosen & kMultiport) == 0) streams_[0].guest_open = true;
}

bool Console::stop() {
  for (Stream& stream : streams_) {
    stream.guest_open = false;
    stream.taken = 0;
    stream.messages.reset();
  }
  return true;
}

void Console::process(unsigned index) {
  if (!core_->live() || !core_->queue(index).live()) return;
  const bool multiport = core_->has(kMultiport);
  if (multiport && index == kControlReceiveQueue) return send_messages();
  if (multiport && index == kControlTransmitQueue) {
    return core_->drain(index, [this](Virtqueue& queue) { return control(queue); });
  }
  const unsigned port = index < 2 ? 0 : index / 2 - 1;
  if (port != 0 && !multiport) return;
  core_->drain(index, [&](Virtqueue& queue) {
    return index % 2 == 0 ? receive(port, queue) : transmit(port, queue);
  });
}

// Into the driver's buffers. With nothing to say it answers kLater: the port calls when there is.
Taken Console::receive(unsigned port, Virtqueue& queue) {
  Stream& stream = streams_[port];
  if (!stream.guest_open) return Taken::kLater;
  const Taken taken = queue.take(chain_);
  if (taken != Taken::kChain) return taken;
  std::array<std::byte, kPiece> bytes;
  const std::size_t room = std::min<std::uint64_t>(bytes.size(), chain_.writable_bytes);
  const std::size_t size = stream.port.port.read(MutableByteSpan(bytes).first(room));
  if (size == 0 && room != 0) {
    queue.put_back(chain_);
    return Taken::kLater;
  }
  if (!ChainWriter(core_->host(), chain_).write(ByteSpan(bytes).first(size))) {
    core_->fail("a receive buffer lies outside of RAM");
  } else {
    core_->give(receive_queue(port), chain_, static_cast<std::uint32_t>(size));
  }
  return Taken::kChain;
}

// From the driver's buffers. A chain that the port took in part goes back, and its rest is next.
Taken Console::transmit(unsigned port, Virtqueue& queue) {
  Stream& stream = streams_[port];
  const Taken taken = queue.take(chain_);
  if (taken != Taken::kChain) return taken;
  std::array<std::byte, kPiece> bytes;
  ChainReader reader(core_->host(), chain_);
  bool sound = reader.skip(std::min(stream.taken, chain_.readable_bytes));
  while (sound && stream.taken < chain_.readable_bytes) {
    const auto piece = MutableByteSpan(bytes).first(
        std::min<std::uint64_t>(kPiece, chain_.readable_bytes - stream.taken));
    sound = reader.read(piece);
    if (!sound) break;
    const std::size_t size = stream.port.port.write(piece);
    stream.taken += size;
    if (size < piece.size()) {
      queue.put_back(chain_);
      return Taken::kLater;
    }
  }
  stream.taken = 0;
  if (sound) {
    core_->give(transmit_queue(port), chain_, 0);
  } else {
    core_->fail("a transmit buffer lies outside of RAM");
  }
  return Taken::kChain;
}

// 5.3.4: a character for port 0 before, or without, any queue. It is lost when there is no room.
void Console::write_config(std::uint64_t offset, Width /*width*/, std::uint64_t value) {
  if (offset != kEmergencyWriteOffset) return;
  const auto character = static_cast<std::byte>(value);
  static_cast<void>(streams_[0].port.port.write({&character, 1}));
}

void Console::resize(std::uint16_t columns, std::uint16_t rows) {
  config_.cols = columns;
  config_.rows = rows;
  core_->configuration_changed();
  for (unsigned i = 0; i < streams_.size() && core_->has(kMultiport); ++i) {
    if (streams_[i].port.kind == ConsolePortKind::kTerminal) tell(i, Event::kResize);
  }
}

}  // namespace orrery::device::virtio
