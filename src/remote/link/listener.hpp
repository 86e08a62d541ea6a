// Takes the connections of VMs, and gives each to the session that it belongs to. On the loop's
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/sockets/acceptor.hpp"
#include "remote/link/server_link.hpp"
#include "remote/tls/credentials.hpp"

namespace orrery::remote {

class Listener {
 public:
  struct Options {
    tls::Credentials credentials;
    PlatformId platform{};
    ServerLink::Options link{};
  };
  // Makes what serves a new session; an error is told to the VMM as the reason why not.
  using Serve = std::function<Result<std::unique_ptr<SessionService>>(ServerLink& link)>;

  // Connections that are not greeted yet: further ones wait. Sessions: further ones are refused.
  static constexpr std::size_t kMostGreetings = 64;
  static constexpr std::size_t kMostSessions = 1024;
  static constexpr int kBacklog = 128;

  // SOCKET: listening and non-blocking (base/listening_socket.hpp).
  static Result<std::unique_ptr<Listener>> create(EventLoop& loop, FileDescriptor socket,
                                                  Options options, Serve serve);
  ~Listener();

  std::size_t sessions() const { return sessions_.size(); }

 private:
  class Greeting;

  Listener(EventLoop& loop, Options options, Serve serve);
  Result<> greet(FileDescriptor socket);
  void forget(Greeting& greeting);
  // The reason why not.
  Result<> begin(const Hello& hello, std::uint64_t received, std::unique_ptr<Channel>& channel);
  Result<ServerLink*> find_session(const Hello& hello, const std::string& peer);
  void end(const SessionId& session);

  EventLoop& loop_;
  const Options options_;
  const Serve serve_;
  std::unique_ptr<Acceptor> acceptor_;
  std::map<Greeting*, std::unique_ptr<Greeting>> greetings_;
  std::map<SessionId, std::unique_ptr<ServerLink>> sessions_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::remote
