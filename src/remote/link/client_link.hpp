// A VM's end of a session with a server: connects, and connects again after a loss, so that its
// owner sees packets come in order and once, or a session that is lost for good.
//
// The loop must be running for anything to happen. Callbacks are made on its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "remote/link/link.hpp"
#include "remote/link/watched_socket.hpp"
#include "remote/tls/credentials.hpp"

namespace orrery::remote {

class ClientLink {
 public:
  struct Options {
    std::string host;  // as in the server's certificate
    TcpServer server;
    tls::Credentials credentials;
    ToVm vm;
    LinkTiming timing{};
  };
  struct Callbacks {
    std::function<void(const Packet& packet)> packet;
    // There may be credit again, after has_credit() said that there is none.
    std::function<void()> credit;
    // The session can not go on: the server refuses it, or has lost it. Nothing follows.
    std::function<void(const Error& why)> lost;
    // An attempt to connect has failed; others follow. May be empty.
    std::function<void(const Error& why)> unreachable{};
  };

  // On the loop's thread, or while it does not run; so is the destructor.
  ClientLink(EventLoop& loop, Options options, Callbacks callbacks);
  ~ClientLink();

  // Any thread. What is sent while there is no connection waits for one.
  void send(const Body& body);
  // Any thread; to be asked before a counted packet is sent.
  bool has_credit();
  // Any thread. As of the welcome; 0 before.
  PlatformId server() const;

  const std::string& server_name() const { return options_.server.name; }

 private:
  // A connection that is not welcome yet.
  struct Greeting {
    std::unique_ptr<Channel> channel;
    bool connected = false;
    bool said_hello = false;
    SteadyTime since;
  };

  void connect();
  Result<> begin_greeting();
  void greet();
  Result<> go_on_greeting();
  Result<> take_answer(const Packet& packet);
  Result<> welcomed(const Packet& packet, const Welcome& welcome);
  void take_packets();
  Result<> take_received();
  void announce_credit();
  void flush();
  void disconnected(const Error& why);
  void lose(const Error& why);
  void tick();

  EventLoop& loop_;
  const Options options_;
  const Callbacks callbacks_;
  const SessionId session_;

  mutable std::mutex mutex_;  // guards the four below; a leaf
  Link link_;
  PlatformId server_;
  bool starved_ = false;  // somebody waits for credit
  bool taking_ = false;   // the loop's thread is in packet callbacks, and flushes behind them

  // The loop's thread only.
  std::optional<Greeting> greeting_;
  WatchedSocket socket_;
  bool welcomed_ = false;  // the session has been
  bool lost_ = false;
  bool complained_ = false;  // of this loss, in the log
  std::chrono::milliseconds pause_{0};
  std::unique_ptr<LoopTimer> retry_;
  std::unique_ptr<LoopTimer> tick_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::remote
