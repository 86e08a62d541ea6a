// A device model of this server, for one VM at a time. On the loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "remote/link/server_link.hpp"
#include "remote/packet/description.hpp"
#include "remote/packet/packet.hpp"

namespace orrery::remote {

class Hosted {
 public:
  // NAME is what VMs open it by.
  Hosted(DeviceId id, std::string name) : id_(id), name_(std::move(name)) {}
  virtual ~Hosted() = default;

  DeviceId id() const { return id_; }
  const std::string& name() const { return name_; }

  // For the VM of a session, which has it until close() or as long as LINK lives. An error: another
  // VM has it.
  virtual Result<Description> open(ServerLink& link) = 0;
  // The VM needs it no more: the model is reset, and free again once nothing is under way.
  virtual void close() = 0;
  virtual bool is_free() const = 0;
  bool belongs_to(const ServerLink& link) const { return link_ == &link; }

  // Of the VM that has it. A command is answered by feedback; a request that the kind of model does
  // not know has no effect.
  virtual void take(const Command& command) = 0;
  virtual void take(const QueueRequest& /*request*/, std::uint32_t packet_bytes) {
    link_->give_back(packet_bytes);
  }
  virtual void take(const IoRequest& request, std::uint32_t packet_bytes) {
    link_->give_back(packet_bytes);
    if (request.posted != 0) return;
    link_->send(Feedback{.to = link_->vm(), .tag = request.tag, .result = ResultCode::kNoDevice});
  }

 protected:
  // The answer to a command.
  void answer(std::uint64_t tag, const Result<>& done) {
    Feedback feedback{.to = link_->vm(), .tag = tag};
    if (!done) {
      const std::string& text = done.error().message();
      feedback.result = ResultCode::kFailed;
      feedback.data = as_bytes(text.data(), text.size());
    }
    link_->send(feedback);
  }

  ServerLink* link_ = nullptr;  // of the VM that has it

 private:
  const DeviceId id_;
  const std::string name_;
};

}  // namespace orrery::remote
