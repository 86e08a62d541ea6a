#include "remote/link/session.hpp"

#include "base/format.hpp"
#include "remote/packet/codec.hpp"

namespace orrery::remote {

std::size_t Session::queue(const Body& body) {
  kept_.push_back(encode(body, acknowledged_ + kept_.size() + 1, received_));
  kept_bytes_ += kept_.back().size();
  return kept_.back().size();
}

Result<> Session::acknowledge(std::uint64_t sequence) {
  if (sequence > acknowledged_ + kept_.size()) {
    return fail(format("the other side acknowledges packet {}, but {} is the last one there is",
                       sequence, acknowledged_ + kept_.size()));
  }
  while (acknowledged_ < sequence) {
    kept_bytes_ -= kept_.front().size();
    kept_.pop_front();
    ++acknowledged_;
    if (sent_ > 0) --sent_;
  }
  return {};
}

Result<> Session::begin_connection(std::uint64_t acknowledged) {
  if (acknowledged < acknowledged_) {
    return fail(format("the other side has taken packets up to {}, but acknowledged {} before",
                       acknowledged, acknowledged_));
  }
  ORRERY_CHECK(acknowledge(acknowledged));
  sent_ = 0;
  return {};
}

void Session::gather(std::vector<std::byte>& to, std::size_t most) {
  for (; sent_ < kept_.size() && to.size() < most; ++sent_) {
    std::vector<std::byte>& packet = kept_[sent_];
    set_acknowledged(packet, received_);
    to.insert(to.end(), packet.begin(), packet.end());
  }
}

Result<Session::Arrival> Session::arrived(const Header& header) {
  ORRERY_CHECK(acknowledge(header.acknowledged));
  if (header.sequence == 0) return Arrival::kNew;
  if (header.sequence <= received_) return Arrival::kRepeated;
  if (header.sequence != received_ + 1) {
    return fail(format("packet {} follows {}: one is missing", header.sequence, received_));
  }
  ++received_;
  return Arrival::kNew;
}

}  // namespace orrery::remote
