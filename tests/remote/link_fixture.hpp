// A server and a client of sessions on this host, each with its loop on a thread of its own.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/loop/event_loop.hpp"
#include "base/sockets/listening_socket.hpp"
#include "remote/link/client_link.hpp"
#include "remote/link/listener.hpp"
#include "remote/test_certificates.hpp"

namespace orrery::remote {

class LoopThread {
 public:
  LoopThread() : loop_(*EventLoop::create()), thread_([this] { loop_->run(); }) {}
  ~LoopThread() { stop(); }

  EventLoop& loop() { return *loop_; }
  // Runs WORK on the loop and waits for it.
  void call(const std::function<void()>& work) {
    std::mutex mutex;
    std::condition_variable done_changed;
    bool done = false;
    loop_->post([&] {
      work();
      const std::lock_guard lock(mutex);
      done = true;
      done_changed.notify_all();
    });
    std::unique_lock lock(mutex);
    done_changed.wait(lock, [&] { return done; });
  }
  void stop() {
    if (!thread_.joinable()) return;
    loop_->stop();
    thread_.join();
  }

 private:
  std::unique_ptr<EventLoop> loop_;
  std::thread thread_;
};

// A listener on a port that it chose, until it is destroyed.
class TestServer {
 public:
  TestServer(Listener::Serve serve, const ServerLink::Options& options,
             const std::string& address = "127.0.0.1:0") {
    auto socket = listen_tcp(address, Listener::kBacklog);
    const std::string text = tcp_address(socket->get())->text;
    port_ = text.substr(text.rfind(':') + 1);
    thread_.call([&] {
      listener_ = *Listener::create(thread_.loop(), std::move(*socket),
                                    {.credentials = TestCertificates::get().server,
                                     .platform = PlatformId(3),
                                     .link = options},
                                    std::move(serve));
    });
  }
  ~TestServer() { close(); }
  // All sessions end.
  void close() {
    thread_.call([&] { listener_.reset(); });
  }
  const std::string& port() const { return port_; }
  EventLoop& loop() { return thread_.loop(); }
  void call(const std::function<void()>& work) { thread_.call(work); }

 private:
  LoopThread thread_;
  std::unique_ptr<Listener> listener_;
  std::string port_;
};

inline ClientLink::Options client_options(const std::string& port, const LinkTiming& timing) {
  return {.host = "127.0.0.1",
          .server = *find_tcp_server("127.0.0.1", port),
          .credentials = TestCertificates::get().client,
          .vm = {VmId(7), PlatformId(2), HypervisorId(9), HypervisorKind::kOrrery},
          .timing = timing};
}

}  // namespace orrery::remote
