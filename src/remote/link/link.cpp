#include "remote/link/link.hpp"

#include "base/assert.hpp"
#include "base/format.hpp"
#include "remote/packet/codec.hpp"

namespace orrery::remote {
namespace {

// Packets that go through one call of the host: enough that the call's own cost is small, little
// enough to stay in the processor's cache.
constexpr std::size_t kGather = 128_KiB;
// Packets taken without anything to send back are acknowledged after so much, that the other side
// need not keep them.
constexpr std::uint64_t kAcknowledgeBytes = 256_KiB;

}  // namespace

Result<> Link::attach(std::unique_ptr<Channel> channel, std::uint64_t peer_received) {
  ORRERY_CHECK(session_.begin_connection(peer_received));
  channel_ = std::move(channel);
  unsequenced_.clear();
  told_received_ = session_.received();
  bytes_unacknowledged_ = 0;
  heard_since_tick_ = true;
  asked_ = false;
  return {};
}

void Link::send(const Body& body) {
  const PacketKind& kind = kind_of(body);
  if (kind.sequenced) {
    const std::size_t bytes = session_.queue(body);
    if (kind.counted) counted_ += bytes;
  } else if (channel_) {
    const std::vector<std::byte> packet = encode(body, 0, session_.received());
    unsequenced_.insert(unsequenced_.end(), packet.begin(), packet.end());
  }
}

Result<> Link::flush() {
  while (true) {
    ORRERY_CHECK(channel_->flush());
    if (channel_->has_output()) return {};
    if (bytes_unacknowledged_ >= kAcknowledgeBytes && !session_.has_unsent()) send(Alive{});
    gathered_.swap(unsequenced_);
    unsequenced_.clear();
    session_.gather(gathered_, kGather);
    if (gathered_.empty()) return {};
    told_received_ = session_.received();
    bytes_unacknowledged_ = 0;
    ORRERY_CHECK(channel_->queue(gathered_));
    gathered_.clear();
  }
}

Result<> Link::receive() {
  heard_since_tick_ = true;
  return channel_->receive();
}

Result<std::optional<Packet>> Link::next() {
  while (true) {
    ORRERY_TRY(std::optional<Packet> packet, channel_->next());
    if (!packet) return std::nullopt;
    ORRERY_TRY(const Session::Arrival arrival, session_.arrived(packet->header));
    if (packet->header.sequence == 0) {
      ORRERY_CHECK(act_on(*packet));
    } else {
      bytes_unacknowledged_ += packet->header.length;
      if (arrival == Session::Arrival::kNew) return packet;
    }
  }
}

Result<> Link::act_on(const Packet& packet) {
  if (const auto* const alive = std::get_if<Alive>(&packet.body)) {
    if (alive->answer_wanted != 0) send(Alive{});
  } else if (const auto* const credit = std::get_if<Credit>(&packet.body)) {
    set_credit(credit->bytes);
  } else {
    return fail(format("a {} within a session", kind_of(packet.body).name));
  }
  return {};
}

Result<> Link::tick(SteadyTime now) {
  if (std::exchange(heard_since_tick_, false)) {
    heard_ = now;
    asked_ = false;
  }
  if (now - heard_ >= timing_.patience) {
    return fail(
        format("nothing was heard for {} ms", std::chrono::milliseconds(timing_.patience).count()));
  }
  const bool ask = now - heard_ >= timing_.silence && !std::exchange(asked_, true);
  if (ask || session_.received() != told_received_) send(Alive{static_cast<std::uint8_t>(ask)});
  return flush();
}

void Link::give_back(std::uint64_t bytes) {
  credit_ += bytes;
  if (credit_ - told_credit_ < kWindow / 4) return;
  told_credit_ = credit_;
  send(Credit{credit_});
}

}  // namespace orrery::remote
