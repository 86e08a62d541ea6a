#include "remote/client/remote_server.hpp"

#include <algorithm>
#include <chrono>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::remote {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A server that starts with its VMs is given that long; nobody likes to wait longer for an error.
constexpr milliseconds kOpenPatience{10'000};
constexpr milliseconds kClosePatience{2'000};
// Before models are opened again, and between attempts where the server still has them for
// somebody.
constexpr milliseconds kRetry{20};

std::string reason_of(const Feedback& feedback) {
  if (feedback.result == ResultCode::kNoDevice)
    return "the server has no device model of that name";
  return {reinterpret_cast<const char*>(feedback.data.data()), feedback.data.size()};
}

}  // namespace

RemoteServer::RemoteServer(EventLoop& loop, ClientLink::Options options)
    : loop_(loop),
      options_(std::move(options)),
      retry_(loop.create_timer([this] { find_again(); })),
      patience_(loop.create_timer([this] { loop_.stop(); })) {
  connect();
}

RemoteServer::~RemoteServer() = default;

void RemoteServer::connect() {
  auto link = std::make_unique<ClientLink>(
      loop_, options_,
      ClientLink::Callbacks{.packet = [this](const Packet& packet) { take(packet); },
                            .credit =
                                [this] {
                                  for (RemoteModel* const model : models_) model->go_on();
                                },
                            .lost = [this](const Error& why) { lose(why); }});
  {
    const std::lock_guard lock(mutex_);
    link_.swap(link);
  }
}

// ---- For the models ----

void RemoteServer::send(const Body& body) {
  const std::lock_guard lock(mutex_);
  link_->send(body);
}

bool RemoteServer::has_credit() {
  const std::lock_guard lock(mutex_);
  return link_->has_credit();
}

ToDevice RemoteServer::address_of(DeviceId device) const {
  const std::lock_guard lock(mutex_);
  return {device, link_->server(), options_.vm.vm};
}

void RemoteServer::take(const Packet& packet) {
  if (const auto* const result = std::get_if<QueueResult>(&packet.body)) {
    const std::uint64_t number = result->tag >> RemoteModel::kNumberShift;
    if (number < models_.size()) models_[number]->take(*result);
  } else if (const auto* const event = std::get_if<Event>(&packet.body)) {
    for (RemoteModel* const model : models_) {
      if (model->device() == event->device) model->take(*event);
    }
  } else if (const auto* const feedback = std::get_if<Feedback>(&packet.body)) {
    const auto asked = answers_.find(feedback->tag);
    if (asked == answers_.end()) return;
    const Answer answer = std::move(asked->second);
    answers_.erase(asked);
    answer(*feedback);
  }
}

// ---- Opening and closing ----

void RemoteServer::ask(CommandCode code, DeviceId device, ByteSpan data, Answer answer) {
  answers_.emplace(++last_tag_, std::move(answer));
  send(Command{address_of(device), last_tag_, code, data});
}

bool RemoteServer::run_until(const bool& done) {
  while (!done && refused_.empty()) {
    loop_.run();
    if (!done && refused_.empty()) return false;  // the patience's end
  }
  return done;
}

Result<std::unique_ptr<RemoteModel>> RemoteServer::open(const std::string& name) {
  bool done = false;
  Result<Description> description = fail("no answer");
  ask(CommandCode::kOpen, {}, as_bytes(name.data(), name.size()), [&](const Feedback& feedback) {
    description = feedback.result == ResultCode::kDone ? decode_description(feedback.data)
                                                       : fail(reason_of(feedback));
    done = true;
    loop_.stop();
  });
  patience_->arm(steady_clock::now() + kOpenPatience);
  const bool answered = run_until(done);
  patience_->cancel();
  answers_.clear();
  if (!answered) {
    return fail(format("{}@{}: {}", name, options_.server.name,
                       refused_.empty() ? "no answer within 10 seconds; is the server running, and "
                                          "is its certificate of the same authority?"
                                        : refused_));
  }
  if (!description) return fail(description.error().context(name + "@" + options_.server.name));
  ToServer& self = *this;
  auto model = std::make_unique<RemoteModel>(self, name, static_cast<std::uint16_t>(models_.size()),
                                             std::move(*description));
  models_.push_back(model.get());
  return model;
}

void RemoteServer::close() {
  retry_->cancel();
  std::size_t left = models_.size();
  bool done = left == 0;
  for (RemoteModel* const model : models_) {
    ask(CommandCode::kClose, model->device(), {}, [&](const Feedback&) {
      if (--left != 0) return;
      done = true;
      loop_.stop();
    });
  }
  patience_->arm(steady_clock::now() + kClosePatience);
  static_cast<void>(run_until(done));
  patience_->cancel();
  answers_.clear();
  models_.clear();
}

// ---- A server that has started anew ----

void RemoteServer::lose(const Error& why) {
  answers_.clear();
  if (models_.empty()) {  // nothing was opened: a mistake of configuration
    refused_ = why.message();
    return loop_.stop();
  }
  if (!std::exchange(complained_, true)) {
    log::warning("{}; opening the device models again", why.message());
  }
  missing_ = models_;
  for (RemoteModel* const model : models_) model->lost();
  // (The link is in a callback.)
  session_is_over_ = true;
  retry_->arm(steady_clock::now() + kRetry);
}

void RemoteServer::find_again() {
  if (std::exchange(session_is_over_, false)) connect();
  for (RemoteModel* const model : missing_) {
    const std::string& name = model->remote_name();
    ask(CommandCode::kOpen, {}, as_bytes(name.data(), name.size()),
        [this, model](const Feedback& feedback) { found(*model, feedback); });
  }
}

void RemoteServer::found(RemoteModel& model, const Feedback& feedback) {
  if (std::ranges::find(missing_, &model) == missing_.end()) return;
  auto description = feedback.result == ResultCode::kDone ? decode_description(feedback.data)
                                                          : fail(reason_of(feedback));
  const Result<> taken =
      description ? model.found(*description) : fail(std::move(description).error());
  if (!taken) {
    log::info("{}@{}: {}", model.remote_name(), options_.server.name, taken.error().message());
    return retry_->arm(steady_clock::now() + kRetry);
  }
  std::erase(missing_, &model);
  if (!missing_.empty()) return;
  complained_ = false;
  log::warning("{}: the device models are there again", options_.server.name);
}

}  // namespace orrery::remote
