#include "remote/client/remote_models.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::remote {
namespace {

// A server that the model has just left needs some milliseconds before it gives it again; a guest
// notices much longer waits.
constexpr std::chrono::milliseconds kMovePatience{300};

}  // namespace

RemoteModels::RemoteModels(EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {}

RemoteModels::~RemoteModels() = default;

RemoteServer& RemoteModels::server_at(const Place& place) {
  std::unique_ptr<RemoteServer>& server = servers_[place.server.name];
  if (!server) {
    ModelOwner& self = *this;
    server = std::make_unique<RemoteServer>(loop_,
                                            ClientLink::Options{.host = place.host,
                                                                .server = place.server,
                                                                .credentials = options_.credentials,
                                                                .vm = options_.vm,
                                                                .timing = options_.timing},
                                            self);
  }
  return *server;
}

Result<OpenedModel> RemoteModels::open(const std::string& name, const std::vector<Place>& places) {
  const auto number = static_cast<std::uint16_t>(models_.size() + 1);
  Placed placed;
  // (All are connected to now: whoever is needed later is there at once.)
  for (const Place& place : places) placed.places.push_back(&server_at(place));
  Result<OpenedModel> model = fail("it has no place");
  for (; placed.at < placed.places.size(); ++placed.at) {
    using Patience = RemoteServer::Patience;
    const bool last = placed.at + 1 == placed.places.size();
    model = placed.places[placed.at]->open(name, number, last ? Patience::kSome : Patience::kNone);
    if (model) break;
    placed.places[placed.at]->give_up();  // an answer that comes late counts for nothing
    if (!last) log::warning("{}; trying the next server", model.error().message());
  }
  if (!model) return model;
  placed.model = std::visit([](auto& made) -> RemotePart* { return made.get(); }, *model);
  if (auto* const device = std::get_if<std::unique_ptr<RemoteDevice>>(&*model)) {
    devices_.push_back(device->get());
  }
  models_.emplace(number, std::move(placed));
  return model;
}

void RemoteModels::stop_waiting() {
  for (RemoteDevice* const device : devices_) device->stop_waiting();
}

void RemoteModels::close() {
  for (const auto& [name, server] : servers_) server->close();
}

RemoteModels::Placed* RemoteModels::find(const std::string& name) {
  const auto found = std::ranges::find_if(
      models_, [&](const auto& entry) { return entry.second.model->remote_name() == name; });
  return found == models_.end() ? nullptr : &found->second;
}

std::vector<RemoteModels::Whereabouts> RemoteModels::whereabouts() const {
  std::vector<Whereabouts> all;
  all.reserve(models_.size());
  for (const auto& [number, placed] : models_) {
    all.push_back({placed.model->remote_name(), placed.places[placed.at]->name(), placed.found});
  }
  return all;
}

// ---- Servers that are gone ----

// Each place once without a pause; then less and less often.
void RemoteModels::go_to(Placed& placed, std::size_t place) {
  constexpr std::chrono::milliseconds kFirst{5};
  constexpr std::chrono::milliseconds kLongest{500};
  const std::size_t rounds = placed.searches++ / placed.places.size();
  const auto pause = rounds == 0
                         ? std::chrono::milliseconds(0)
                         : std::min(kFirst * (1 << std::min<std::size_t>(rounds, 7)), kLongest);
  placed.at = place;
  placed.found = false;
  placed.places[place]->adopt(*placed.model, pause);
}

void RemoteModels::go_on_elsewhere(Placed& placed) {
  const std::size_t next = (placed.at + 1) % placed.places.size();
  if (placed.searches == 0) {
    log::warning("{}: goes on at {}", placed.model->remote_name(), placed.places[next]->name());
  }
  placed.places[placed.at]->drop(*placed.model);
  go_to(placed, next);
}

// The session is given up for all models there: what it still holds must not be carried out there
// when it is carried out elsewhere.
void RemoteModels::unreachable(RemoteServer& server, const Error& why) {
  const std::vector<RemotePart*> there = server.models();
  const auto has_other_place = [this](const RemotePart* model) {
    return models_.at(model->number()).places.size() > 1;
  };
  if (std::ranges::none_of(there, has_other_place)) return;
  if (std::ranges::any_of(
          there, [this](const RemotePart* model) { return models_.at(model->number()).found; })) {
    log::warning("{}: {}", server.name(), why.message());
  }
  server.give_up();
  for (RemotePart* const model : there) {
    Placed& placed = models_.at(model->number());
    if (placed.moving.done && placed.moving.to == &server) {
      go_back(placed, why);
    } else if (has_other_place(model)) {
      go_on_elsewhere(placed);
    }
  }
}

void RemoteModels::refused(RemoteServer& /*server*/, RemotePart& model, const Error& why) {
  Placed& placed = models_.at(model.number());
  if (placed.moving.done) {
    if (std::chrono::steady_clock::now() < placed.moving.until) return;
    return go_back(placed, why);
  }
  // Where it has just been it may still count as in use: that is no reason to go on elsewhere.
  if (std::chrono::steady_clock::now() < placed.returning_until) return;
  if (placed.places.size() > 1) go_on_elsewhere(placed);
}

void RemoteModels::lost(RemoteServer& /*server*/, RemotePart& model) {
  const auto placed = models_.find(model.number());
  if (placed != models_.end()) placed->second.found = false;
}

// Where the way does not lead there, the model stays with who forwards.
void RemoteModels::routed(RemoteServer& /*server*/, RemotePart& model, const std::string& place) {
  if (options_.routes == Options::Routes::kIgnore) return;
  if (models_.at(model.number()).moving.done) return;
  auto server = find_tcp_server(place);
  if (!server) return log::info("{}: {}", model.remote_name(), server.error().message());
  std::string host = place.substr(0, place.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  move(model.remote_name(), {std::move(host), std::move(*server)},
       [name = model.remote_name(), place](const Result<>& moved) {
         log::info("{}: {}", name, moved ? "goes directly to " + place : moved.error().message());
       });
}

void RemoteModels::arrived(RemoteServer& server, RemotePart& model) {
  Placed& placed = models_.at(model.number());
  placed.found = true;
  placed.searches = 0;
  if (!placed.moving.done) return;
  if (&server == placed.moving.to) return end_move(placed, {});
  end_move(placed, fail(format("{}: was lost on the way, and goes on at {}", model.remote_name(),
                               server.name())));
}

// ---- Moves ----

std::size_t RemoteModels::index_of(Placed& placed, RemoteServer& server) {
  const auto found = std::ranges::find(placed.places, &server);
  const auto index = static_cast<std::size_t>(found - placed.places.begin());
  if (found == placed.places.end()) placed.places.push_back(&server);
  return index;
}

void RemoteModels::move(const std::string& name, const Place& place,
                        std::function<void(const Result<>&)> done) {
  Placed* const placed = find(name);
  if (placed == nullptr) return done(fail(format("there is no remote device {}", name)));
  if (placed->moving.done) {
    if (placed->moving.to->name() != place.server.name) {
      return done(fail(format("{}: is being moved already", name)));
    }
    // It is on its way there: whoever asked before may not be there any more.
    placed->moving.done = [first = std::move(placed->moving.done),
                           done = std::move(done)](const Result<>& result) {
      first(result);
      done(result);
    };
    return;
  }
  if (!placed->found) return done(fail(format("{}: is being looked for", name)));
  RemoteServer* const from = placed->places[placed->at];
  RemoteServer& to = server_at(place);
  if (&to == from) return done({});
  placed->moving = {.from = from, .to = &to, .done = std::move(done)};
  placed->moving.until = std::chrono::steady_clock::now() + kMovePatience;
  placed->model->hold();
  from->stop(*placed->model, [this, placed, from](const Result<ByteSpan>& settings) {
    // (A session that is lost has its models found again by itself; see arrived().)
    if (!settings) return;
    placed->model->keep_settings(*settings);
    placed->model->lost();
    from->drop(*placed->model);
    const std::size_t places = placed->places.size();
    const std::size_t there = index_of(*placed, *placed->moving.to);
    placed->moving.added = placed->places.size() != places;
    go_to(*placed, there);
  });
}

void RemoteModels::go_back(Placed& placed, const Error& why) {
  placed.places[placed.at]->drop(*placed.model);
  if (placed.moving.added) std::erase(placed.places, placed.moving.to);
  placed.returning_until = std::chrono::steady_clock::now() + kMovePatience;
  go_to(placed, index_of(placed, *placed.moving.from));
  end_move(placed, fail(why));
}

// (They may be in a callback.)
void RemoteModels::forget_unused() {
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.lock()) return;
    std::erase_if(servers_, [this](const auto& entry) {
      return std::ranges::none_of(models_, [&](const auto& model) {
        const auto& [number, placed] = model;
        return placed.moving.to == entry.second.get() ||
               std::ranges::find(placed.places, entry.second.get()) != placed.places.end();
      });
    });
  });
}

void RemoteModels::end_move(Placed& placed, const Result<>& result) {
  const auto done = std::exchange(placed.moving, Move{}).done;
  if (!result) forget_unused();
  done(result);
}

}  // namespace orrery::remote
