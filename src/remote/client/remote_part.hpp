// What stands in a VM for a device model that is on a server, as the connection to it sees it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "remote/packet/description.hpp"
#include "remote/packet/packet.hpp"

namespace orrery::remote {

// Where it sends to: the connection to its server.
class ToServer {
 public:
  virtual ~ToServer() = default;
  // Any thread.
  virtual void send(const Body& body) = 0;
  virtual bool has_credit() = 0;
  virtual ToDevice address_of(DeviceId device) const = 0;
};

// All but its constants is for the loop's thread, without the device's lock.
class RemotePart {
 public:
  // Where its number stands in the tags of its requests.
  static constexpr unsigned kNumberShift = 48;

  // NAME: the server's name for the model. NUMBER: not 0; makes tags unique among a VM's models.
  RemotePart(std::string name, std::uint16_t number)
      : tag_base_(std::uint64_t{number} << kNumberShift), remote_name_(std::move(name)) {}
  virtual ~RemotePart() = default;

  const std::string& remote_name() const { return remote_name_; }
  std::uint16_t number() const { return number_in(tag_base_); }
  static std::uint16_t number_in(std::uint64_t tag) {
    return static_cast<std::uint16_t>(tag >> kNumberShift);
  }
  virtual DeviceId device() const = 0;

  virtual void take(const QueueResult& /*result*/) {}
  virtual void take(const Feedback& /*feedback*/) {}
  virtual void take(const Interrupt& /*interrupt*/) {}
  virtual void take(const Event& event) = 0;
  // There may be credit again.
  virtual void go_on() = 0;
  // Nothing is to be sent until found(); answers still come.
  virtual void hold() = 0;
  // What the guest has made of the model, as a server that held it says.
  virtual void keep_settings(ByteSpan settings) = 0;
  // Nothing that was sent will be answered, and nothing is to be sent, until found() again.
  virtual void lost() = 0;
  // A server has it, be it another one: there it gets its settings, and what was under way is sent
  // (again). An error: it is another device than it was. SERVER outlives the model's stay.
  virtual Result<> found(ToServer& server, const Description& description) = 0;

 protected:
  const std::uint64_t tag_base_;

 private:
  const std::string remote_name_;
};

}  // namespace orrery::remote
