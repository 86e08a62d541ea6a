// virtio-console's control queues (virtio 1.2, 5.3.6.2).
#include "device/virtio/console/console.hpp"

namespace orrery::device::virtio {

using namespace console;

// Messages from the driver.
Taken Console::control(Virtqueue& queue) {
  const Taken taken = queue.take(chain_);
  if (taken != Taken::kChain) return taken;
  Control message;
  if (!ChainReader(core_->host(), chain_).read_object(message)) {
    core_->fail("a console control message is too short, or lies outside of RAM (5.3.6.2)");
    return Taken::kChain;
  }
  const Chain asked = chain_;  // answers take chains, too
  handle(message);
  core_->settings_changed();
  core_->give(kControlTransmitQueue, asked, 0);
  return Taken::kChain;
}

// A value of 0 with DEVICE_READY or PORT_READY says that the driver failed; there is nothing to do.
void Console::handle(const Control& message) {
  if (message.event == Event::kDeviceReady) {
    for (unsigned i = 0; i < streams_.size() && message.value == 1; ++i) {
      tell(i, Event::kDeviceAdd);
    }
    return;
  }
  if (message.id >= streams_.size()) return;
  Stream& stream = streams_[message.id];
  if (message.event == Event::kPortReady && message.value == 1) {
    if (stream.port.kind == ConsolePortKind::kTerminal) {
      // Drivers do not open consoles with a message of their own.
      stream.guest_open = true;
      tell(message.id, Event::kConsolePort);
      if (config_.cols != 0) tell(message.id, Event::kResize);
    }
    if (!stream.port.name.empty()) tell(message.id, Event::kPortName);
    tell(message.id, Event::kPortOpen);
    process(receive_queue(message.id));
  } else if (message.event == Event::kPortOpen && stream.port.kind == ConsolePortKind::kChannel) {
    stream.guest_open = message.value != 0;
    process(receive_queue(message.id));
  }
}

void Console::tell(unsigned port, Event event) {
  streams_[port].messages.set(static_cast<unsigned>(event));
  send_messages();
}

// To the driver: all of a port's additions come before anything else of it, because kDeviceAdd has
// the lowest number.
void Console::send_messages() {
  if (!core_->live() || !core_->queue(kControlReceiveQueue).live()) return;
  for (unsigned port = 0; port < streams_.size(); ++port) {
    for (unsigned event = 0; event < kEvents; ++event) {
      if (!streams_[port].messages.test(event)) continue;
      if (!send_message(port, static_cast<Event>(event))) return;
      streams_[port].messages.reset(event);
    }
  }
}

// False when the driver has no buffer for it now.
bool Console::send_message(unsigned port, Event event) {
  Virtqueue& queue = core_->queue(kControlReceiveQueue);
  Taken taken = queue.take(chain_);
  if (taken == Taken::kNone && queue.enable_notifications()) taken = queue.take(chain_);
  if (taken != Taken::kChain) {
    if (!queue.fault().empty()) core_->fail(queue.fault());
    return false;
  }
  const Stream& stream = streams_[port];
  ChainWriter writer(core_->host(), chain_);
  bool written = writer.write_object(Control{port, event, 1});
  if (event == Event::kResize) written &= writer.write_object(Resize{config_.cols, config_.rows});
  if (event == Event::kPortName) {
    written &= writer.write(as_bytes(stream.port.name.data(), stream.port.name.size()));
  }
  if (!written) {
    core_->fail("a buffer for console control messages is too small, or outside of RAM");
    return false;
  }
  core_->give(kControlReceiveQueue, chain_, static_cast<std::uint32_t>(writer.written()));
  return true;
}

}  // namespace orrery::device::virtio
