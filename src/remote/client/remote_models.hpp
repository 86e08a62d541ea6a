// A VM's device models on servers, and where each is: it has places in the order in which the user
// named them, stays where it is found, goes on at the next one when its server is gone, and moves
// when it is told to.
//
// What goes on is exact: a model begins at another place from the settings that came with its last
// result, and is asked again for all that has none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "remote/client/remote_server.hpp"

namespace orrery::remote {

class RemoteModels final : private ModelOwner {
 public:
  struct Options {
    tls::Credentials credentials;
    ToVm vm;
    LinkTiming timing{};
    // Whether a model goes to where its server says that it really is.
    enum class Routes : std::uint8_t { kFollow, kIgnore };
    Routes routes = Routes::kFollow;
  };
  struct Place {
    std::string host;  // as in the server's certificate
    TcpServer server;
  };
  struct Whereabouts {
    std::string name;    // of the model, at its server
    std::string server;  // host:port
    bool found = false;  // otherwise it is being looked for there
  };

  // On the loop's thread or while it does not run, as all that follows. The loop outlives it.
  RemoteModels(EventLoop& loop, Options options);
  ~RemoteModels() override;

  // Opens the model at the first of PLACES that gives it. Runs the loop meanwhile, so not while
  // anybody else does. This outlives the model; once the loop runs no more, in any order.
  Result<OpenedModel> open(const std::string& name, const std::vector<Place>& places);

  // Has the model go on at PLACE; DONE says whether it does. It goes on where it was if that place
  // does not give it. Asking once more while it is on its way there is told the same.
  void move(const std::string& name, const Place& place, std::function<void(const Result<>&)> done);
  std::vector<Whereabouts> whereabouts() const;

  // Whoever waits for an answer of a device with registers gets all ones, until the device is
  // reset: the machine has ended. Any thread, with no device's lock held but those of other
  // devices.
  void stop_waiting();

  // Gives all models back. Runs the loop.
  void close();

 private:
  // A model that is told to go elsewhere: first it stops where it is, then it is looked for there.
  struct Move {
    RemoteServer* from = nullptr;
    RemoteServer* to = nullptr;
    std::function<void(const Result<>&)> done;
    bool added = false;  // `to` was none of its places before
    SteadyTime until{};  // so long a refusal counts for nothing
  };
  struct Placed {
    RemotePart* model = nullptr;
    std::vector<RemoteServer*> places;
    std::size_t at = 0;  // of places
    bool found = true;
    unsigned searches = 0;         // since it was found
    Move moving{};                 // none: no `done`
    SteadyTime returning_until{};  // after a move that failed: so long a refusal counts for nothing
  };

  void unreachable(RemoteServer& server, const Error& why) override;
  void refused(RemoteServer& server, RemotePart& part, const Error& why) override;
  void lost(RemoteServer& server, RemotePart& part) override;
  void routed(RemoteServer& server, RemotePart& part, const std::string& place) override;
  void arrived(RemoteServer& server, RemotePart& part) override;

  RemoteServer& server_at(const Place& place);
  Placed* find(const std::string& name);
  void go_to(Placed& placed, std::size_t place);
  void go_on_elsewhere(Placed& placed);
  static std::size_t index_of(Placed& placed, RemoteServer& server);
  void go_back(Placed& placed, const Error& why);
  void forget_unused();
  void end_move(Placed& placed, const Result<>& result);

  EventLoop& loop_;
  const Options options_;
  std::map<std::string, std::unique_ptr<RemoteServer>> servers_;  // by host:port
  std::map<std::uint16_t, Placed> models_;                        // by number
  std::vector<RemoteDevice*> devices_;  // of models_, those with registers
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::remote
