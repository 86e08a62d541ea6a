// A server of device models, as a VM uses it: opens models, carries what they send and get, and
// finds them again when the server has started anew.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "remote/client/remote_model.hpp"
#include "remote/link/client_link.hpp"

namespace orrery::remote {

class RemoteServer final : private ToServer {
 public:
  // On the loop's thread or while it does not run, as all that follows. The loop outlives it.
  RemoteServer(EventLoop& loop, ClientLink::Options options);
  ~RemoteServer() override;

  // Opens the model that the server knows by NAME. Runs the loop meanwhile, so not while anybody
  // else does. The server outlives the model; once the loop runs no more, in any order.
  Result<std::unique_ptr<RemoteModel>> open(const std::string& name);

  // Gives all models back, and waits until the server knows, for some seconds at most. Runs the
  // loop.
  void close();

 private:
  using Answer = std::function<void(const Feedback& feedback)>;

  void send(const Body& body) override;
  bool has_credit() override;
  ToDevice address_of(DeviceId device) const override;

  void connect();
  void take(const Packet& packet);
  void lose(const Error& why);
  void find_again();
  void found(RemoteModel& model, const Feedback& feedback);
  void ask(CommandCode code, DeviceId device, ByteSpan data, Answer answer);
  bool run_until(const bool& done);

  EventLoop& loop_;
  const ClientLink::Options options_;
  mutable std::mutex mutex_;  // guards link_, not what it points to
  std::unique_ptr<ClientLink> link_;
  std::vector<RemoteModel*> models_;  // by number; opened once, for good
  std::uint64_t last_tag_ = 0;
  std::map<std::uint64_t, Answer> answers_;  // to what was asked
  std::vector<RemoteModel*> missing_;        // of models_, until found again
  bool session_is_over_ = false;
  bool complained_ = false;
  std::string refused_;  // why the server does not want us, if so
  std::unique_ptr<LoopTimer> retry_;
  std::unique_ptr<LoopTimer> patience_;
};

}  // namespace orrery::remote
