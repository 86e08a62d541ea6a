// A connection to a VM's control socket that stays (docs/formats/control.md): it tells the VM what
// to do, and its end tells that the VM's process ends. On the loop's thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/socket_stream.hpp"

namespace orrery::cluster::host {

class ControlLink {
 public:
  using Answered = std::function<void(const Result<nlohmann::json>& answer)>;

  // An error: nobody listens at PATH. BROKEN is called once, when the VM has closed it.
  static Result<std::unique_ptr<ControlLink>> connect(EventLoop& loop, const std::string& path,
                                                      std::function<void()> broken);

  // ANSWERED is called when the VM has done it, or with an error, also where the link breaks.
  void ask(const std::string& command, Answered answered);

 private:
  explicit ControlLink(std::function<void()> broken) : broken_(std::move(broken)) {}
  Task<Result<>> receive_all();
  Task<Result<>> send_all();
  void take(const Result<nlohmann::json>& answer);

  std::unique_ptr<SocketStream> stream_;
  std::function<void()> broken_;
  std::string unsent_;
  std::deque<Answered> waiting_;
  Changed changed_;
  bool ended_ = false;
  Task<Result<>> receiving_;  // these two go before what they use
  Task<Result<>> sending_;
};

}  // namespace orrery::cluster::host
