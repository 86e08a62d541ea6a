// A relay between a client and a server on this host that does to connections what networks do:
// delays, stalls, and cuts at any byte, either in order or at once (RST).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include "base/files/file_descriptor.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "base/sockets/listening_socket.hpp"

namespace orrery {

struct RelayFaults {
  std::uint64_t seed = 1;
  std::uint64_t bytes_to_cut = 0;  // a connection is cut after 1 to so many; 0: never
  unsigned one_in_delays = 0;      // a portion waits for up to 1 ms; 0: none
  unsigned one_in_stalls = 0;      // nothing goes on for `stall`; 0: never
  std::chrono::milliseconds stall{0};
};

// One connection at a time. All on a thread of its own.
class FaultyRelay {
 public:
  FaultyRelay(const std::string& server_port, const RelayFaults& faults)
      : faults_(faults),
        random_(faults.seed),
        server_(*find_tcp_server("127.0.0.1", server_port)),
        listener_(*listen_tcp("127.0.0.1:0", 16)),
        thread_([this] { run(); }) {}
  ~FaultyRelay() {
    over_ = true;
    thread_.join();
  }
  FaultyRelay(const FaultyRelay&) = delete;
  FaultyRelay& operator=(const FaultyRelay&) = delete;

  std::string port() const {
    const std::string address = tcp_address(listener_.get())->text;
    return address.substr(address.rfind(':') + 1);
  }
  unsigned connections() const { return connections_; }
  unsigned cuts() const { return cuts_; }
  // From now on all is well.
  void heal() { healed_ = true; }
  // Cuts the connection, and lets none through until released.
  void hold() {
    held_ = true;
    while (relaying_) std::this_thread::yield();
  }
  void release() { held_ = false; }

 private:
  static bool wait_for(int socket, short events) {
    pollfd polled{socket, events, 0};
    return ::poll(&polled, 1, 20) > 0;
  }

  std::uint64_t up_to(std::uint64_t most) { return 1 + random_() % most; }

  void run() {
    while (!over_) {
      if (held_ || !wait_for(listener_.get(), POLLIN)) continue;
      FileDescriptor client = accept_client(listener_.get());
      auto server = begin_connecting(server_);
      if (!client || !server || !wait_for(server->get(), POLLOUT)) continue;
      ++connections_;
      relaying_ = true;
      relay(client.get(), server->get());
      relaying_ = false;
    }
  }

  void relay(int client, int server) {
    left_ = faults_.bytes_to_cut == 0 ? ~std::uint64_t{0} : up_to(faults_.bytes_to_cut);
    while (!over_ && !held_) {
      pollfd polled[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (::poll(polled, 2, 20) <= 0) continue;
      if (polled[0].revents != 0 && !pass(client, server)) return;
      if (polled[1].revents != 0 && !pass(server, client)) return;
    }
  }

  // False: the connection is over.
  bool pass(int from, int to) {
    std::byte bytes[64 << 10];
    const std::size_t most = healed_ ? sizeof bytes : up_to(sizeof bytes);
    const ssize_t count = ::recv(from, bytes, most, 0);
    if (count <= 0) return false;
    be_slow();
    std::size_t size = static_cast<std::size_t>(count);
    const bool cut = !healed_ && size >= left_;
    if (cut) size = left_;
    left_ -= healed_ ? 0 : size;
    for (std::size_t done = 0; done < size && !over_;) {
      const ssize_t sent = ::send(to, bytes + done, size - done, MSG_NOSIGNAL);
      if (sent > 0) done += static_cast<std::size_t>(sent);
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent < 0) wait_for(to, POLLOUT);
    }
    if (cut) cut_off(from, to);
    return !cut;
  }

  void be_slow() {
    if (healed_) return;
    if (faults_.one_in_delays != 0 && up_to(faults_.one_in_delays) == 1) {
      std::this_thread::sleep_for(std::chrono::microseconds(up_to(1000)));
    }
    if (faults_.one_in_stalls != 0 && up_to(faults_.one_in_stalls) == 1) {
      std::this_thread::sleep_for(faults_.stall);
    }
  }

  void cut_off(int from, int to) {
    ++cuts_;
    if (up_to(2) == 1) return;
    const linger at_once{1, 0};  // RST instead of FIN
    ::setsockopt(from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::setsockopt(to, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  const RelayFaults faults_;
  std::mt19937_64 random_;
  const TcpServer server_;
  const FileDescriptor listener_;
  std::uint64_t left_ = 0;
  std::atomic<unsigned> connections_ = 0;
  std::atomic<unsigned> cuts_ = 0;
  std::atomic<bool> healed_ = false;
  std::atomic<bool> held_ = false;
  std::atomic<bool> relaying_ = false;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace orrery
