// A server's end of a session: outlives its connections, which the Listener gives to it. On the
// loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "remote/link/link.hpp"
#include "remote/link/watched_socket.hpp"

namespace orrery::remote {

class ServerLink;

// What a session is for. Made when the session begins, and destroyed when it ends.
class SessionService {
 public:
  virtual ~SessionService() = default;
  // A new packet, in order.
  virtual void take(const Packet& packet) = 0;
  // Whether anything would be lost if the session ended now.
  virtual bool holds_anything() const = 0;
};

class ServerLink {
 public:
  struct Options {
    LinkTiming timing{};
    // How long a VM that does not come back keeps its device models: longer than switches take to
    // find another way, not so long that a VM that died is in the way of the next.
    std::chrono::milliseconds lease{20'000};
  };
  // ENDED: the session is over; called once. The link may be destroyed in it by posted work only.
  ServerLink(EventLoop& loop, const Options& options, const Hello& hello, std::string peer,
             std::function<void()> ended);
  ~ServerLink();

  void set_service(std::unique_ptr<SessionService> service) { service_ = std::move(service); }
  const ToVm& vm() const { return hello_.vm; }
  const SessionId& id() const { return hello_.session; }
  // The name in the VMM's certificate.
  const std::string& peer() const { return peer_; }

  // CHANNEL is established and its hello taken; the welcome is sent from here. PEER_RECEIVED: the
  // hello's acknowledgement.
  void attach(std::unique_ptr<Channel> channel, std::uint64_t peer_received, PlatformId server);

  // NEWER asks for what this one has. Where it is of the same VM, and that has left this session
  // without a word, as who gives up a server or is killed does, nobody waits for the lease: it is
  // over. Whether it is.
  bool make_way_for(const ServerLink& newer);

  // Goes out at the end of this turn of the loop.
  void send(const Body& body);
  // A counted packet of so many bytes is done with.
  void give_back(std::uint64_t bytes);

 private:
  void take_packets();
  Result<> take_received();
  void flush();
  void flush_soon();
  void disconnected(const Error& why);
  void tick();
  void end();

  EventLoop& loop_;
  const Options options_;
  const Hello hello_;
  const std::string peer_;
  const std::function<void()> ended_;
  Link link_;
  WatchedSocket socket_;
  bool taking_ = false;  // flush() follows
  bool flush_posted_ = false;
  bool over_ = false;
  bool welcomed_ = false;
  SteadyTime disconnected_{};
  std::unique_ptr<LoopTimer> tick_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<SessionService> service_;  // last: it uses all of the above
};

}  // namespace orrery::remote
