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
// Before a server that nobody needs now is looked for again, to be there when it is needed.
constexpr milliseconds kStandByRetry{1'000};

std::string reason_of(const Feedback& feedback) {
  if (feedback.result == ResultCode::kNoDevice)
    return "the server has no device model of that name";
  return {reinterpret_cast<const char*>(feedback.data.data()), feedback.data.size()};
}

Result<Description> description_in(const Feedback& feedback) {
  if (feedback.result != ResultCode::kDone) return fail(reason_of(feedback));
  return decode_description(feedback.data);
}

}  // namespace

RemoteServer::RemoteServer(EventLoop& loop, ClientLink::Options options, ModelOwner& owner)
    : loop_(loop),
      options_(std::move(options)),
      owner_(owner),
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
                                  for (const auto& [number, model] : models_) model->go_on();
                                },
                            .lost = [this](const Error& why) { lose(why); },
                            .unreachable =
                                [this](const Error& why) {
                                  if (opening_ == Patience::kNone) refuse(why);
                                  owner_.unreachable(*this, why);
                                }});
  const std::lock_guard lock(mutex_);
  link_.swap(link);
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
    pass_on(result->tag, *result);
  } else if (const auto* const event = std::get_if<Event>(&packet.body)) {
    take(*event);
  } else if (const auto* const interrupt = std::get_if<Interrupt>(&packet.body)) {
    if (RemotePart* const part = find(interrupt->device)) part->take(*interrupt);
  } else if (const auto* const feedback = std::get_if<Feedback>(&packet.body)) {
    if (RemotePart::number_in(feedback->tag) != 0) return pass_on(feedback->tag, *feedback);
    const auto asked = answers_.find(feedback->tag);
    if (asked == answers_.end()) return;
    const auto answer = std::move(asked->second.answer);
    answers_.erase(asked);
    answer(*feedback);
  }
}

// Whose question it answers.
template <typename Answer>
void RemoteServer::pass_on(std::uint64_t tag, const Answer& answer) {
  const auto found = models_.find(RemotePart::number_in(tag));
  if (found != models_.end()) found->second->take(answer);
}

RemotePart* RemoteServer::find(DeviceId device) const {
  const auto found = std::ranges::find_if(models_, [&](const auto& entry) {
    return entry.second->device() == device && !missing_.contains(entry.first);
  });
  return found == models_.end() ? nullptr : found->second;
}

void RemoteServer::take(const Event& event) {
  RemotePart* const found = find(event.device);
  if (found == nullptr) return;
  RemotePart& model = *found;
  if (event.code == EventCode::kRoute) {
    const auto* const text = reinterpret_cast<const char*>(event.data.data());
    owner_.routed(*this, model, std::string(text, event.data.size()));
  } else if (event.code == EventCode::kLost) {
    miss(model);
    retry_->arm(steady_clock::now() + kRetry);
  } else {
    model.take(event);
  }
}

// Nobody answers what was asked about it.
void RemoteServer::miss(RemotePart& model) {
  missing_.insert(model.number());
  model.lost();
  owner_.lost(*this, model);
  std::vector<Asked> unanswered;
  std::erase_if(answers_, [&](auto& entry) {
    if (entry.second.number != model.number()) return false;
    unanswered.push_back(std::move(entry.second));
    return true;
  });
  for (const Asked& asked : unanswered) {
    asked.answer(fail(format("{}: the model is lost", options_.server.name)));
  }
}

// ---- Opening and closing ----

void RemoteServer::ask(CommandCode code, DeviceId device, ByteSpan data, Asked asked) {
  answers_.emplace(++last_tag_, std::move(asked));
  send(Command{address_of(device), last_tag_, code, data});
}

bool RemoteServer::run_until(const bool& done) {
  while (!done && refused_.empty()) {
    loop_.run();
    if (!done && refused_.empty()) return false;  // the patience's end
  }
  return done;
}

Result<OpenedModel> RemoteServer::open(const std::string& name, std::uint16_t number,
                                       Patience patience) {
  bool done = false;
  Result<Description> description = fail("no answer");
  if (std::exchange(session_is_over_, false)) connect();
  opening_ = patience;
  refused_.clear();
  ask(CommandCode::kOpen, {}, as_bytes(name.data(), name.size()),
      {0, [&](const Result<Feedback>& feedback) {
         if (!feedback) return;  // see refused_
         description = description_in(*feedback);
         done = true;
         loop_.stop();
       }});
  patience_->arm(steady_clock::now() + kOpenPatience);
  const bool answered = run_until(done);
  patience_->cancel();
  opening_.reset();
  answers_.clear();
  if (!answered) {
    return fail(format("{}@{}: {}", name, options_.server.name,
                       refused_.empty() ? "no answer within 10 seconds; is the server running, and "
                                          "is its certificate of the same authority?"
                                        : refused_));
  }
  if (!description) return fail(description.error().context(name + "@" + options_.server.name));
  OpenedModel model = make(name, number, std::move(*description));
  std::visit([&](auto& made) { models_.emplace(number, made.get()); }, model);
  return model;
}

OpenedModel RemoteServer::make(const std::string& name, std::uint16_t number,
                               Description description) {
  ToServer& self = *this;
  if (description.registers) {
    return std::make_unique<RemoteDevice>(self, name, number, std::move(description));
  }
  return std::make_unique<RemoteModel>(self, name, number, std::move(description));
}

void RemoteServer::adopt(RemotePart& model, milliseconds pause) {
  models_.emplace(model.number(), &model);
  missing_.insert(model.number());
  retry_->arm(steady_clock::now() + pause);
}

void RemoteServer::drop(RemotePart& model) {
  models_.erase(model.number());
  const bool here = missing_.erase(model.number()) == 0;
  if (here && !session_is_over_) send(Command{address_of(model.device()), 0, CommandCode::kClose});
}

void RemoteServer::stop(RemotePart& model,
                        std::function<void(const Result<ByteSpan>& settings)> done) {
  ask(CommandCode::kSave, model.device(), {},
      {model.number(), [this, done = std::move(done)](const Result<Feedback>& feedback) {
         if (!feedback) return done(fail(feedback.error()));
         if (feedback->result == ResultCode::kDone) return done(feedback->data);
         // Whether it stands still is not known: it begins anew, from its last settings.
         done(fail(reason_of(*feedback)));
         end_session(kRetry);
       }});
}

std::vector<RemotePart*> RemoteServer::models() const {
  std::vector<RemotePart*> models;
  models.reserve(models_.size());
  for (const auto& [number, model] : models_) models.push_back(model);
  return models;
}

void RemoteServer::close() {
  retry_->cancel();
  std::size_t left = models_.size() - missing_.size();
  bool done = left == 0;
  for (const auto& [number, model] : models_) {
    if (missing_.contains(number)) continue;
    ask(CommandCode::kClose, model->device(), {}, {0, [&](const Result<Feedback>&) {
                                                     if (--left != 0) return;
                                                     done = true;
                                                     loop_.stop();
                                                   }});
  }
  patience_->arm(steady_clock::now() + kClosePatience);
  static_cast<void>(run_until(done));
  patience_->cancel();
  answers_.clear();
  models_.clear();
  missing_.clear();
}

// ---- A server that has started anew, or is given up ----

void RemoteServer::lose(const Error& why) {
  if (opening_) {
    refuse(why);
  } else if (!models_.empty() && !std::exchange(complained_, true)) {
    log::warning("{}; opening the device models again", why.message());
  }
  end_session(models_.empty() ? kStandByRetry : kRetry);
}

void RemoteServer::refuse(const Error& why) {
  refused_ = why.message();
  loop_.stop();
}

void RemoteServer::give_up() {
  end_session(kStandByRetry);
}

// (The link may be in a callback: the next one follows from the timer.)
void RemoteServer::end_session(milliseconds pause) {
  session_is_over_ = true;
  for (const auto& [number, model] : models_) miss(*model);
  for (const auto& [tag, asked] : std::exchange(answers_, {})) {
    asked.answer(fail(format("{}: the session is lost", options_.server.name)));
  }
  retry_->arm(steady_clock::now() + pause);
}

void RemoteServer::find_again() {
  if (std::exchange(session_is_over_, false)) connect();
  for (const std::uint16_t number : missing_) ask_for(*models_.at(number));
}

void RemoteServer::ask_for(RemotePart& model) {
  const std::string& name = model.remote_name();
  ask(CommandCode::kOpen, {}, as_bytes(name.data(), name.size()),
      {model.number(), [this, number = model.number()](const Result<Feedback>& feedback) {
         if (feedback) found(number, *feedback);
       }});
}

void RemoteServer::found(std::uint16_t number, const Feedback& feedback) {
  const auto description = description_in(feedback);
  const auto known = models_.find(number);
  if (known == models_.end()) {  // dropped since
    if (description) send(Command{address_of(description->device), 0, CommandCode::kClose});
    return;
  }
  if (!missing_.contains(number)) return;
  RemotePart& model = *known->second;
  const Result<> taken = description ? model.found(*this, *description) : fail(description.error());
  if (!taken) {
    if (description) send(Command{address_of(description->device), 0, CommandCode::kClose});
    log::info("{}@{}: {}", model.remote_name(), options_.server.name, taken.error().message());
    retry_->arm(steady_clock::now() + kRetry);
    return owner_.refused(*this, model, taken.error());
  }
  missing_.erase(number);
  if (missing_.empty() && std::exchange(complained_, false)) {
    log::warning("{}: the device models are there again", options_.server.name);
  }
  owner_.arrived(*this, model);
}

}  // namespace orrery::remote
