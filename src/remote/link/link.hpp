// A session and the connection that carries it now, if any: what both sides do with them. Its owner
// watches the socket, and makes new connections. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "remote/link/channel.hpp"
#include "remote/link/session.hpp"

namespace orrery::remote {

struct LinkTiming {
  // Without a byte from the other side: it is asked whether it is there. A server that is killed
  // tells so at once; this is for hosts and cables.
  std::chrono::milliseconds silence{1'000};
  // Without one for so long: the connection is given up.
  std::chrono::milliseconds patience{3'000};
};

class Link {
 public:
  explicit Link(const LinkTiming& timing) : timing_(timing) {}

  // CHANNEL is established, and the other side has taken all up to PEER_RECEIVED.
  Result<> attach(std::unique_ptr<Channel> channel, std::uint64_t peer_received);
  void detach() { channel_.reset(); }
  bool attached() const { return channel_ != nullptr; }
  int descriptor() const { return channel_->descriptor(); }

  // A sequenced packet, or one of the others. It goes with the next flush(), or with a later
  // connection if it is sequenced.
  void send(const Body& body);

  // For an attached link; an error means that the connection is of no more use, and detach() is
  // due.
  Result<> flush();
  bool has_output() const { return channel_ && (channel_->has_output() || session_.has_unsent()); }
  Result<> receive();
  // The next packet that is new and has to be acted upon. Its data stays valid until receive().
  Result<std::optional<Packet>> next();
  // To be called several times within timing.silence.
  Result<> tick(SteadyTime now);

  std::uint64_t received() const { return session_.received(); }
  std::size_t kept_bytes() const { return session_.kept_bytes(); }

  // Of the VMM: whether one more counted packet may be sent.
  bool has_credit() const { return counted_ < credit_; }
  void set_credit(std::uint64_t bytes) { credit_ = std::max(credit_, bytes); }
  // Of the server: counted packets of so many bytes are done with.
  void give_back(std::uint64_t bytes);
  std::uint64_t credit() const { return credit_; }

  // What the server lets a VM have sent and not answered: many requests of the largest usual size
  // (1.25 MiB, Linux), and a small part of a host's memory.
  static constexpr std::uint64_t kWindow = 8_MiB;

 private:
  Result<> act_on(const Packet& packet);

  const LinkTiming timing_;
  Session session_;
  std::unique_ptr<Channel> channel_;
  std::vector<std::byte> unsequenced_;  // to be sent on this connection
  std::vector<std::byte> gathered_;     // kept for its memory
  std::uint64_t told_received_ = 0;     // what the other side knows of received()
  std::uint64_t bytes_unacknowledged_ = 0;
  std::uint64_t counted_ = 0;  // bytes sent of counted packets
  std::uint64_t credit_ = kWindow;
  std::uint64_t told_credit_ = kWindow;
  SteadyTime heard_{};  // a byte of the other side; at attach()
  bool heard_since_tick_ = false;
  bool asked_ = false;
};

}  // namespace orrery::remote
