// A store's server that does wrong: the routes are the real ones, what goes over the link is not.
// Threads of its own, one for each client.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/format.hpp"
#include "base/sockets/listening_socket.hpp"
#include "http/request.hpp"
#include "store/serve/routes.hpp"

namespace orrery::testing {

enum class Fault : std::uint8_t {
  kNone,
  kCut,        // the connection breaks off within the body
  kTruncated,  // the body is shorter than asked for, and says so
  kOtherRange,
  kFlipped,  // one bit of the body
  kNonsense,
  kBusy,    // status 503
  kSilent,  // no answer
};

class FaultyServer {
 public:
  // PORT: 0, or one that was used before. UPLOADS: null, and it only gives.
  FaultyServer(const std::string& folder, std::uint16_t port,
               std::unique_ptr<store::serve::Uploads> uploads = nullptr)
      : library_(store::Store::open(store::host_files(folder)).value()),
        uploads_(std::move(uploads)) {
    auto listener = listen_tcp(format("127.0.0.1:{}", port), 16);
    EXPECT_TRUE(listener) << listener.error().message();
    listener_ = std::move(*listener);
    address_ = tcp_address(listener_.get()).value().text;
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~FaultyServer() {
    ending_ = true;
    acceptor_.join();
    for (std::thread& client : clients_) client.join();
  }
  FaultyServer(const FaultyServer&) = delete;
  FaultyServer& operator=(const FaultyServer&) = delete;

  std::string name(const std::string& image) const {
    return format("store://{}/{}", address_, image);
  }
  std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoi(address_.substr(address_.find(':') + 1)));
  }
  // One answer in EVERY has it, MOST in all.
  void set_fault(Fault fault, unsigned every, unsigned most = UINT_MAX) {
    every_ = every;
    most_ = most;
    faults_ = 0;
    fault_ = fault;
  }
  unsigned faults() const { return faults_; }

 private:
  // False: the server ends.
  bool wait(int socket) const {
    pollfd polled{socket, POLLIN, 0};
    while (!ending_) {
      if (::poll(&polled, 1, 5) != 0) return true;
    }
    return false;
  }
  void accept_all() {
    while (wait(listener_.get())) {
      FileDescriptor client = accept_client(listener_.get());
      if (client) clients_.emplace_back(&FaultyServer::serve, this, std::move(client));
    }
  }
  void serve(FileDescriptor socket) {
    http::RequestParser parser(store::kMostUploadBody);
    std::vector<std::byte> bytes(4096);
    while (wait(socket.get())) {
      const ssize_t count = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return;
      parser.put(ByteSpan(bytes).first(static_cast<std::size_t>(count)));
      while (const auto request = parser.take()) {
        if (!answer(socket.get(), *request)) return;
      }
    }
  }
  // False: the connection ends.
  bool answer(int socket, const http::Request& request) {
    http::Reply reply = store::serve::reply_to(request, library_, uploads_.get());
    Fault fault = fault_;
    if (++answers_ % every_ != 0) fault = Fault::kNone;
    if (fault != Fault::kNone && ++faults_ > most_) fault = Fault::kNone;
    if (fault == Fault::kSilent) return wait_for_end(socket);
    if (fault == Fault::kBusy) reply = http::error_reply(503, "busy");
    if (fault == Fault::kTruncated && reply.length > 1) {
      reply.length /= 2;
      if (reply.range) reply.range->length = reply.length;
    }
    if (fault == Fault::kOtherRange && reply.range) reply.range->first += 16;
    std::string head = head_of(reply, http::Connection::kStays);
    if (fault == Fault::kNonsense) head = "\x16\x03\x01 what is this?\r\n\r\n";
    std::vector<std::byte> body(reply.length);
    if (!body.empty() && !reply.content.read(reply.first, body)) return false;
    if (fault == Fault::kFlipped && !body.empty()) body[body.size() / 3] ^= std::byte{4};
    if (fault == Fault::kCut) body.resize(body.size() / 2);
    return send(socket, as_bytes(head.data(), head.size())) && send(socket, body) &&
           fault != Fault::kCut;
  }
  bool wait_for_end(int socket) const {
    wait(socket);
    return false;
  }
  bool send(int socket, ByteSpan bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) return false;
      if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
      pollfd polled{socket, POLLOUT, 0};
      while (!bytes.empty() && ::poll(&polled, 1, 5) == 0) {
        if (ending_) return false;
      }
    }
    return true;
  }

  store::serve::Library library_;
  const std::unique_ptr<store::serve::Uploads> uploads_;
  FileDescriptor listener_;
  std::string address_;
  std::atomic<bool> ending_{false};
  std::atomic<Fault> fault_{Fault::kNone};
  std::atomic<unsigned> every_{1};
  std::atomic<unsigned> most_{UINT_MAX};
  std::atomic<unsigned> answers_{0};
  std::atomic<unsigned> faults_{0};
  std::thread acceptor_;
  std::vector<std::thread> clients_;
};

}  // namespace orrery::testing
