// A server of device models, as a VM uses it: opens models, carries what they send and get, and
// finds them again when the server has started anew.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "remote/client/remote_device.hpp"
#include "remote/client/remote_model.hpp"
#include "remote/link/client_link.hpp"

namespace orrery::remote {

class RemoteServer;

// By what its server says of it: one behind queues, or one with registers.
using OpenedModel = std::variant<std::unique_ptr<RemoteModel>, std::unique_ptr<RemoteDevice>>;

// Decides which server a model is on. On the loop's thread.
class ModelOwner {
 public:
  virtual ~ModelOwner() = default;
  // No connection can be made, and what the server still does for the VM is not known.
  virtual void unreachable(RemoteServer& server, const Error& why) = 0;
  // The server does not give the model (now); unless it is taken from it, it is asked again.
  virtual void refused(RemoteServer& server, RemotePart& part, const Error& why) = 0;
  // The server has the model no more, and it is looked for there.
  virtual void lost(RemoteServer& server, RemotePart& part) = 0;
  // The model's server says that it is better reached at PLACE, host:port.
  virtual void routed(RemoteServer& server, RemotePart& part, const std::string& place) = 0;
  // The server has the model, which goes on there.
  virtual void arrived(RemoteServer& server, RemotePart& part) = 0;
};

class RemoteServer final : private ToServer {
 public:
  // On the loop's thread or while it does not run, as all that follows. The loop and the owner
  // outlive it.
  RemoteServer(EventLoop& loop, ClientLink::Options options, ModelOwner& owner);
  ~RemoteServer() override;

  const std::string& name() const { return options_.server.name; }

  enum class Patience : std::uint8_t {
    kNone,  // a server that is not there is an error at once
    kSome,  // it has ten seconds
  };
  // Opens what the server knows by NAME, for the VM's model of that number. Runs the loop
  // meanwhile, so not while anybody else does.
  Result<OpenedModel> open(const std::string& name, std::uint16_t number, Patience patience);

  // After PAUSE the model is looked for here, where it goes on with what is under way.
  void adopt(RemotePart& part, std::chrono::milliseconds pause);
  // The model is not used here any more; the server gets it back.
  void drop(RemotePart& part);
  // Has the model stop here. DONE has what it has been told, or the empty span where the server is
  // lost meanwhile.
  void stop(RemotePart& part, std::function<void(const Result<ByteSpan>& settings)> done);
  // The session ends, and with it what the server has for the VM; a new one begins by and by.
  void give_up();
  std::vector<RemotePart*> models() const;

  // Gives all models back, and waits until the server knows, for some seconds at most. Runs the
  // loop.
  void close();

 private:
  // To what was asked about a model; 0: about none that is lost by itself.
  struct Asked {
    std::uint16_t number = 0;
    std::function<void(const Result<Feedback>& feedback)> answer;
  };

  void send(const Body& body) override;
  bool has_credit() override;
  ToDevice address_of(DeviceId device) const override;

  void connect();
  void take(const Packet& packet);
  void lose(const Error& why);
  void refuse(const Error& why);
  void end_session(std::chrono::milliseconds pause);
  void find_again();
  void ask_for(RemotePart& part);
  void found(std::uint16_t number, const Feedback& feedback);
  void take(const Event& event);
  template <typename Answer>
  void pass_on(std::uint64_t tag, const Answer& answer);
  RemotePart* find(DeviceId device) const;
  void miss(RemotePart& part);
  void ask(CommandCode code, DeviceId device, ByteSpan data, Asked asked);
  bool run_until(const bool& done);
  OpenedModel make(const std::string& name, std::uint16_t number, Description description);

  EventLoop& loop_;
  const ClientLink::Options options_;
  ModelOwner& owner_;
  mutable std::mutex mutex_;  // guards link_, not what it points to
  std::unique_ptr<ClientLink> link_;
  std::map<std::uint16_t, RemotePart*> models_;  // by number
  std::uint64_t last_tag_ = 0;
  std::map<std::uint64_t, Asked> answers_;  // by tag
  std::set<std::uint16_t> missing_;         // of models_, until found (again)
  bool session_is_over_ = false;
  // At the start, where a refusal is a mistake of configuration.
  std::optional<Patience> opening_;
  bool complained_ = false;
  std::string refused_;  // why the server does not want us, if so
  std::unique_ptr<LoopTimer> retry_;
  std::unique_ptr<LoopTimer> patience_;
};

}  // namespace orrery::remote
