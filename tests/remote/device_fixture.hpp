// Servers of device models, and a VM without processors that uses them: a host with memory, one
// device, its driver, and a loop to turn.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "device/virtio/block/block.hpp"
#include "device/virtio/entropy/entropy.hpp"
#include "device/virtio/fixture.hpp"
#include "device/virtio/net/network.hpp"
#include "remote/client/remote_models.hpp"
#include "remote/counter.hpp"
#include "remote/link_fixture.hpp"
#include "remote/server/device_server.hpp"

namespace orrery::remote {

using namespace orrery::testing;
using namespace device::virtio;
using std::chrono::milliseconds;

inline constexpr std::uint64_t kDiskSize = 1 << 20;
inline constexpr LinkTiming kTiming{milliseconds(200), milliseconds(1000)};

inline RemoteModels::Options model_options(const LinkTiming& timing,
                                           RemoteModels::Options::Routes routes) {
  const ClientLink::Options client = client_options("1", timing);
  return {.credentials = client.credentials, .vm = client.vm, .timing = timing, .routes = routes};
}
inline RemoteModels::Place place_at(const std::string& port) {
  return {"127.0.0.1", *find_tcp_server("127.0.0.1", port)};
}

// A server with a disk, a source of random numbers, a network card and a counter.
class Served {
 public:
  explicit Served(FakeBlocks& disk, FakeFrames& frames, const std::string& address = "127.0.0.1:0")
      : server_([this](ServerLink& link) { return devices_->serve(link); },
                ServerLink::Options{.timing = kTiming}, address) {
    server_.call([&] {
      devices_ = std::make_unique<DeviceServer>(server_.loop());
      devices_->add("disk0", std::make_unique<Block>(disk, BlockOptions{.queues = 2}));
      devices_->add("rng", std::make_unique<Entropy>(entropy_));
      devices_->add("counter", std::make_unique<Counter>());
      devices_->add("net0", std::make_unique<Network>(
                                frames, device::virtio::NetworkOptions{.mac = {2, 0, 0, 0, 0, 1}}));
    });
  }
  // A server that has none of it, and knows that the server at PORT has.
  static std::unique_ptr<Served> forwarding_to(const std::string& port) {
    std::unique_ptr<Served> served(new Served);
    served->server_.call([&] {
      for (const char* name : {"disk0", "rng", "counter", "net0"}) {
        served->devices_->add(name, Route{"127.0.0.1", *find_tcp_server("127.0.0.1", port),
                                          TestCertificates::get().server});
      }
    });
    return served;
  }
  TestServer& operator*() { return server_; }
  TestServer* operator->() { return &server_; }

 private:
  Served()
      : server_([this](ServerLink& link) { return devices_->serve(link); },
                ServerLink::Options{.timing = kTiming}) {
    server_.call([this] { devices_ = std::make_unique<DeviceServer>(server_.loop()); });
  }

  FakeEntropy entropy_;
  std::unique_ptr<DeviceServer> devices_;  // outlives the listener
  TestServer server_;
};

class Vm {
 public:
  // PORTS: of its servers.
  explicit Vm(const std::vector<std::string>& ports,
              RemoteModels::Options::Routes routes = RemoteModels::Options::Routes::kFollow)
      : loop_(*EventLoop::create()), models_(*loop_, model_options(kTiming, routes)) {
    for (const std::string& port : ports) places_.push_back(place_at(port));
  }

  Result<> open(const std::string& name) {
    ORRERY_TRY(OpenedModel opened, models_.open(name, places_));
    machine_.emplace(std::move(std::get<std::unique_ptr<RemoteModel>>(opened)));
    return {};
  }
  Machine<RemoteModel>& machine() { return *machine_; }
  Driver& driver() { return machine_->driver; }
  FakeHost& host() { return machine_->host; }
  RemoteModels& models() { return models_; }
  void close() { models_.close(); }

  void turn() {
    loop_->poll();
    if (machine_) machine_->host.run_posted();
  }
  // Turns the loop until DONE.
  template <typename Done>
  bool turn_until(Done done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      turn();
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    return true;
  }
  std::optional<Used> take_used(unsigned queue = 0) {
    std::optional<Used> used;
    turn_until([&] { return (used = driver().queue(queue).take_used()).has_value(); });
    return used;
  }

 private:
  std::unique_ptr<EventLoop> loop_;
  RemoteModels models_;
  std::vector<RemoteModels::Place> places_;
  std::optional<Machine<RemoteModel>> machine_;
};

}  // namespace orrery::remote
