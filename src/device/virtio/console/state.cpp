// Save and restore of virtio-console: the terminal's size, and per port what is open, what is half
// transmitted and what the driver has yet to be told.
#include "device/saved_state.hpp"
#include "device/virtio/console/console.hpp"

namespace orrery::device::virtio {

// How much a port has taken of a chain is of no use where the chain begins anew.
State Console::settings() const {
  State state = save();
  for (State& port : state["ports"]) port["taken"] = 0;
  return state;
}

State Console::save() const {
  State ports = State::array();
  for (const Stream& stream : streams_) {
    ports.push_back({{"guest_open", stream.guest_open},
                     {"taken", stream.taken},
                     {"messages", stream.messages.to_ulong()}});
  }
  return {{"columns", config_.cols}, {"rows", config_.rows}, {"ports", std::move(ports)}};
}

void Console::restore(const State& state, Features /*chosen*/) {
  std::vector<Stream> streams = streams_;
  const State& ports = state.at("ports");
  if (ports.size() != streams.size()) throw std::runtime_error("the number of ports differs");
  for (std::size_t i = 0; i < streams.size(); ++i) {
    streams[i].guest_open = ports[i].at("guest_open").get<bool>();
    streams[i].taken = ports[i].at("taken").get<std::uint64_t>();
    streams[i].messages = ports[i].at("messages").get<std::uint8_t>();
  }
  const auto columns = state.at("columns").get<std::uint16_t>();
  const auto rows = state.at("rows").get<std::uint16_t>();
  for (std::size_t i = 0; i < streams.size(); ++i) {
    streams_[i].guest_open = streams[i].guest_open;
    streams_[i].taken = streams[i].taken;
    streams_[i].messages = streams[i].messages;
  }
  config_.cols = columns;
  config_.rows = rows;
}

}  // namespace orrery::device::virtio
