// A VM with one device with registers that is on servers: the test's thread is its vCPU, and the
// connections have a loop on a thread of their own.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "device/device.hpp"
#include "remote/client/remote_models.hpp"
#include "remote/link_fixture.hpp"
#include "remote/server/device_server.hpp"
#include "support/fake_host.hpp"

namespace orrery::remote {

using namespace orrery::testing;
using std::chrono::milliseconds;

inline constexpr LinkTiming kRegisterTiming{milliseconds(200), milliseconds(1000)};

// Shows every access that was lost, or carried out twice: all are counted, a read tells how many
// there were, and a write tells how many there should have been. Line 0 follows the count's bit 3.
class CountingRegisters final : public device::Device {
 public:
  static constexpr std::uint64_t kRead = 0;
  static constexpr std::uint64_t kWrite = 8;    // the vCPU may go on early
  static constexpr std::uint64_t kWaited = 16;  // it may not

  explicit CountingRegisters(device::Host& host) : host_(host) {}
  std::string_view name() const override { return "counting"; }
  std::uint64_t read(unsigned /*region*/, std::uint64_t /*offset*/, Width width) override {
    count();
    return count_ & mask_of(width);
  }
  void write(unsigned /*region*/, std::uint64_t /*offset*/, Width /*width*/,
             std::uint64_t value) override {
    count();
    EXPECT_EQ(value, count_) << "an access is missing, or came twice";
  }
  void reset() override {
    count_ = 0;
    host_.set_line(0, false);
  }
  device::State save() const override { return {{"count", count_}}; }
  Result<> restore(const device::State& state) override {
    if (!state.is_object() || !state.contains("count") || !state["count"].is_number_unsigned()) {
      return fail("no count");
    }
    count_ = state["count"].get<std::uint64_t>();
    host_.set_line(0, (count_ & 8) != 0);
    return {};
  }

 private:
  void count() {
    ++count_;
    host_.set_line(0, (count_ & 8) != 0);
  }

  device::Host& host_;
  std::uint64_t count_ = 0;
};

// A server with one device, "device0".
class RegisterServer {
 public:
  explicit RegisterServer(MakeDevice make, RegisterInterface registers,
                          const std::string& address = "127.0.0.1:0",
                          const LinkTiming& timing = kRegisterTiming)
      : server_([this](ServerLink& link) { return devices_->serve(link); },
                ServerLink::Options{.timing = timing}, address) {
    server_.call([&] {
      devices_ = std::make_unique<DeviceServer>(server_.loop());
      devices_->add("device0", make, registers);
    });
  }
  // Devices have timers, which the loop outlives.
  ~RegisterServer() {
    server_.close();
    server_.call([this] { devices_.reset(); });
  }
  // A server that has none, and knows that the one at PORT has.
  static std::unique_ptr<RegisterServer> forwarding_to(const std::string& port) {
    std::unique_ptr<RegisterServer> server(new RegisterServer);
    server->server_.call([&] {
      server->devices_->add("device0", Route{"127.0.0.1", *find_tcp_server("127.0.0.1", port),
                                             TestCertificates::get().server});
    });
    return server;
  }
  const std::string& port() const { return server_.port(); }
  void call(const std::function<void()>& work) { server_.call(work); }

 private:
  RegisterServer()
      : server_([this](ServerLink& link) { return devices_->serve(link); },
                ServerLink::Options{.timing = kRegisterTiming}) {
    server_.call([this] { devices_ = std::make_unique<DeviceServer>(server_.loop()); });
  }

  std::unique_ptr<DeviceServer> devices_;  // outlives the listener
  TestServer server_;
};

class RegisterVm {
 public:
  using Routes = RemoteModels::Options::Routes;

  explicit RegisterVm(const std::vector<std::string>& ports, Routes routes = Routes::kFollow,
                      const LinkTiming& timing = kRegisterTiming)
      : loop_(*EventLoop::create()) {
    const ClientLink::Options client = client_options("1", timing);
    models_ = std::make_unique<RemoteModels>(
        *loop_, RemoteModels::Options{.credentials = client.credentials,
                                      .vm = client.vm,
                                      .timing = timing,
                                      .routes = routes});
    for (const std::string& port : ports) places_.push_back(place_at(port));
    Result<OpenedModel> opened = models_->open("device0", places_);
    EXPECT_TRUE(opened) << opened.error().message();
    device_ = std::move(std::get<std::unique_ptr<RemoteDevice>>(*opened));
    device_->attach(host_);
    thread_ = std::thread([this] { loop_->run(); });
  }
  ~RegisterVm() {
    loop_->stop();
    thread_.join();
    models_->close();
  }

  static RemoteModels::Place place_at(const std::string& port) {
    return {"127.0.0.1", *find_tcp_server("127.0.0.1", port)};
  }

  std::uint64_t read(std::uint64_t offset, Width width = Width::k64) {
    const std::lock_guard lock(host_.device_lock());
    return device_->read(0, offset, width);
  }
  void write(std::uint64_t offset, std::uint64_t value, Width width = Width::k64) {
    const std::lock_guard lock(host_.device_lock());
    device_->write(0, offset, width, value);
  }
  bool line() {
    const std::lock_guard lock(host_.device_lock());
    return host_.line(0);
  }
  device::State save() {
    const std::lock_guard lock(host_.device_lock());
    return device_->save();
  }
  Result<> restore(const device::State& state) {
    const std::lock_guard lock(host_.device_lock());
    return device_->restore(state);
  }
  void reset() {
    const std::lock_guard lock(host_.device_lock());
    device_->reset();
  }
  RemoteDevice& device() { return *device_; }
  RemoteModels& models() { return *models_; }

  RemoteModels::Whereabouts whereabouts() {
    RemoteModels::Whereabouts found;
    call([&] { found = models_->whereabouts().at(0); });
    return found;
  }
  // What came of it; empty: it is there.
  std::string move(const std::string& port) {
    std::promise<std::string> moved;
    loop_->post([&] {
      models_->move("device0", place_at(port), [&](const Result<>& result) {
        moved.set_value(result ? "" : result.error().message());
      });
    });
    return moved.get_future().get();
  }
  void call(const std::function<void()>& work) {
    std::promise<void> done;
    loop_->post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  template <typename Done>
  static bool wait_until(Done done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
  }

 private:
  std::unique_ptr<EventLoop> loop_;
  FakeHost host_;
  std::unique_ptr<RemoteModels> models_;
  std::vector<RemoteModels::Place> places_;
  std::unique_ptr<RemoteDevice> device_;
  std::thread thread_;
};

}  // namespace orrery::remote
