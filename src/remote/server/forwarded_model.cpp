#include "remote/server/forwarded_model.hpp"

#include <utility>

#include "base/log.hpp"
#include "remote/packet/description.hpp"

namespace orrery::remote {

ForwardedModel::ForwardedModel(EventLoop& loop, const Route& route, ServerLink& vm, DeviceId id)
    : vm_(vm), id_(id), server_(route.server.name) {
  link_ = std::make_unique<ClientLink>(
      loop,
      ClientLink::Options{.host = route.host,
                          .server = route.server,
                          .credentials = route.credentials,
                          .vm = vm.vm()},
      ClientLink::Callbacks{.packet = [this](const Packet& packet) { take(packet); },
                            .credit = [this] { send_waiting(); },
                            .lost = [this](const Error& why) { lose(why); }});
}

// (Best effort: the server there releases it by itself as well, later.)
ForwardedModel::~ForwardedModel() {
  if (!lost_) link_->send(Command{there(), 0, CommandCode::kClose});
}

// ---- From the VM ----

void ForwardedModel::open(const std::string& name, std::uint64_t tag) {
  open_tag_ = tag;
  link_->send(Command{there(), tag, CommandCode::kOpen, as_bytes(name.data(), name.size())});
}

void ForwardedModel::take(const Command& command) {
  if (lost_) return;
  waiting_.push_back({command, {command.data.begin(), command.data.end()}});
  send_waiting();
}

void ForwardedModel::take(const QueueRequest& request, std::uint32_t packet_bytes) {
  forward(request, packet_bytes);
}

// A posted write has no answer with which its credit could go back.
void ForwardedModel::take(const IoRequest& request, std::uint32_t packet_bytes) {
  forward(request, packet_bytes);
  if (request.posted != 0) answered(request.tag);
}

template <typename Request>
void ForwardedModel::forward(const Request& request, std::uint32_t packet_bytes) {
  if (lost_) return vm_.give_back(packet_bytes);
  under_way_.emplace(request.tag, packet_bytes);
  waiting_.push_back({request, {request.data.begin(), request.data.end()}});
  send_waiting();
}

void ForwardedModel::send_waiting() {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    Waiting& first = waiting_.front();
    const bool counted = !std::holds_alternative<Command>(first.packet);
    if (counted && !link_->has_credit()) return;
    std::visit(
        [&](auto& packet) {
          packet.to = there();
          packet.data = first.data;
          link_->send(packet);
        },
        first.packet);
  }
}

void ForwardedModel::answered(std::uint64_t tag) {
  const auto found = under_way_.find(tag);
  if (found == under_way_.end()) return;
  vm_.give_back(found->second);
  under_way_.erase(found);
}

// ---- From the server that has it ----

void ForwardedModel::take(const Packet& packet) {
  if (const auto* const feedback = std::get_if<Feedback>(&packet.body)) {
    take(*feedback);
  } else if (const auto* const result = std::get_if<QueueResult>(&packet.body)) {
    take(*result);
  } else if (const auto* const event = std::get_if<Event>(&packet.body)) {
    Event sent = *event;
    sent.to = vm_.vm();
    sent.device = id_;
    vm_.send(sent);
  } else if (const auto* const interrupt = std::get_if<Interrupt>(&packet.body)) {
    Interrupt sent = *interrupt;
    sent.to = vm_.vm();
    sent.device = id_;
    vm_.send(sent);
  }
}

void ForwardedModel::take(const QueueResult& result) {
  QueueResult sent = result;
  sent.to = vm_.vm();
  vm_.send(sent);
  if (!under_way_.contains(result.tag)) return;
  answered(result.tag);
  tell_route();
}

void ForwardedModel::tell_route() {
  if (std::exchange(told_route_, true)) return;
  vm_.send(Event{.to = vm_.vm(),
                 .device = id_,
                 .code = EventCode::kRoute,
                 .data = as_bytes(server_.data(), server_.size())});
}

void ForwardedModel::take(const Feedback& feedback) {
  if (open_tag_ != 0 && feedback.tag == open_tag_ && feedback.result == ResultCode::kDone)
    return opened(feedback);
  Feedback sent = feedback;
  sent.to = vm_.vm();
  vm_.send(sent);
  if (!under_way_.contains(feedback.tag)) return;
  answered(feedback.tag);
  tell_route();
}

void ForwardedModel::opened(const Feedback& feedback) {
  open_tag_ = 0;
  auto description = decode_description(feedback.data);
  if (!description) return lose(description.error());
  device_ = std::exchange(description->device, id_);
  const std::vector<std::byte> data = encode(*description);
  vm_.send(Feedback{.to = vm_.vm(), .tag = feedback.tag, .data = data});
}

// Requests that are under way have no answer; the VM makes them again when it has the model again.
void ForwardedModel::lose(const Error& why) {
  log::warning("{}: {}", server_, why.message());
  lost_ = true;
  for (const auto& [tag, bytes] : std::exchange(under_way_, {})) vm_.give_back(bytes);
  waiting_.clear();
  if (open_tag_ != 0) {
    const std::string& text = why.message();
    vm_.send(Feedback{.to = vm_.vm(),
                      .tag = std::exchange(open_tag_, 0),
                      .result = ResultCode::kFailed,
                      .data = as_bytes(text.data(), text.size())});
  }
  vm_.send(Event{.to = vm_.vm(), .device = id_, .code = EventCode::kLost});
}

}  // namespace orrery::remote
