// One side of a session (docs/formats/io-packet.md, "Sessions"): numbers what is sent, keeps it
// until it is acknowledged, sends it again on the next connection, and takes what arrives once and
// in order. Knows no connection. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "remote/packet/packet.hpp"

namespace orrery::remote {

class Session {
 public:
  // A sequenced packet, to be sent. Returns its length in bytes.
  std::size_t queue(const Body& body);

  // A connection begins, whose other side has taken all up to ACKNOWLEDGED: what follows is to be
  // sent, be it again. An error: the other side speaks of another session than this one.
  Result<> begin_connection(std::uint64_t acknowledged);

  // Appends what has not been sent on this connection, whole packets up to some more than MOST
  // bytes.
  void gather(std::vector<std::byte>& to, std::size_t most);
  bool has_unsent() const { return sent_ < kept_.size(); }

  enum class Arrival : std::uint8_t {
    kNew,
    kRepeated,  // has been taken before: to be dropped
  };
  // What a packet of any type that arrived is. An error: the connection is not in order.
  Result<Arrival> arrived(const Header& header);
  // The last one taken: what the other side is told.
  std::uint64_t received() const { return received_; }

  // Bytes that are kept until they are acknowledged.
  std::size_t kept_bytes() const { return kept_bytes_; }

 private:
  Result<> acknowledge(std::uint64_t sequence);

  std::deque<std::vector<std::byte>> kept_;  // encoded; not acknowledged
  std::size_t kept_bytes_ = 0;
  std::size_t sent_ = 0;            // of kept_, on this connection
  std::uint64_t acknowledged_ = 0;  // sequence number of what came before kept_
  std::uint64_t received_ = 0;
};

}  // namespace orrery::remote
