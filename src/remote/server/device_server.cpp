#include "remote/server/device_server.hpp"

#include <algorithm>
#include <map>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::remote {

// One VM's session.
class DeviceServer::Service final : public SessionService {
 public:
  Service(DeviceServer& server, ServerLink& link) : server_(server), link_(link) {}
  ~Service() override {
    for (const auto& slot : server_.slots_) {
      if (slot->hosted && slot->hosted->belongs_to(link_)) release(*slot->hosted);
    }
  }

  void take(const Packet& packet) override {
    const std::uint32_t bytes = packet.header.length;
    if (const auto* const command = std::get_if<Command>(&packet.body)) {
      take_command(*command);
    } else if (const auto* const queue = std::get_if<QueueRequest>(&packet.body)) {
      if (!pass_on(*queue, bytes)) link_.give_back(bytes);
    } else if (const auto* const access = std::get_if<IoRequest>(&packet.body)) {
      if (pass_on(*access, bytes)) return;
      link_.give_back(bytes);
      if (access->posted == 0) answer(access->tag, ResultCode::kNoDevice);
    }
  }

  bool holds_anything() const override {
    return !forwarded_.empty() || std::ranges::any_of(server_.slots_, [&](const auto& slot) {
      return slot->hosted && slot->hosted->belongs_to(link_);
    });
  }

 private:
  Hosted* own(DeviceId id) {
    Hosted* const model = server_.find(id);
    return model != nullptr && model->belongs_to(link_) ? model : nullptr;
  }

  // False: there is no such model.
  template <typename Request>
  bool pass_on(const Request& request, std::uint32_t packet_bytes) {
    const auto elsewhere = forwarded_.find(request.to.device);
    if (elsewhere != forwarded_.end()) {
      elsewhere->second->take(request, packet_bytes);
      return true;
    }
    Hosted* const model = own(request.to.device);
    if (model != nullptr) model->take(request, packet_bytes);
    return model != nullptr;
  }

  void answer(std::uint64_t tag, ResultCode result, ByteSpan data = {}) {
    link_.send(Feedback{link_.vm(), tag, result, data});
  }

  void take_command(const Command& command) {
    if (command.code == CommandCode::kOpen) return open(command);
    const auto elsewhere = forwarded_.find(command.to.device);
    if (elsewhere != forwarded_.end()) return elsewhere->second->take(command);
    Hosted* const model = own(command.to.device);
    if (model == nullptr) return answer(command.tag, ResultCode::kNoDevice);
    if (command.code != CommandCode::kClose) return model->take(command);
    release(*model);
    answer(command.tag, ResultCode::kDone);
  }

  void open(const Command& command) {
    const std::string name(reinterpret_cast<const char*>(command.data.data()), command.data.size());
    Slot* const slot = server_.find(name);
    if (slot == nullptr) return answer(command.tag, ResultCode::kNoDevice);
    if (slot->route) {
      auto& forwarded = forwarded_[slot->id];
      forwarded.reset();  // of before: whoever opens anew has lost it
      forwarded = std::make_unique<ForwardedModel>(server_.loop_, *slot->route, link_, slot->id);
      return forwarded->open(name, command.tag);
    }
    if (slot->changing) return fail_to_open(command.tag, Error(name + ": is being prepared"));
    if (slot->hosted) return open(*slot, command.tag);
    slot->changing = true;
    server_.one_by_one(
        [this, &server = server_, slot, tag = command.tag, alive = std::weak_ptr(alive_)] {
          const Result<> made = server.make(*slot);
          slot->changing = false;
          // (The VM may have gone meanwhile.)
          if (!alive.lock()) return made ? server.finish(*slot) : void();
          made ? open(*slot, tag) : fail_to_open(tag, made.error());
        });
  }

  void open(Slot& slot, std::uint64_t tag) {
    const auto description = slot.hosted->open(link_);
    if (!description) return fail_to_open(tag, description.error());
    log::info("{}: opened by VM {} of {}", slot.name, link_.vm().vm.value(), link_.peer());
    answer(tag, ResultCode::kDone, encode(*description));
  }

  void fail_to_open(std::uint64_t tag, const Error& why) {
    answer(tag, ResultCode::kFailed, as_bytes(why.message().data(), why.message().size()));
  }

  void release(Hosted& model) {
    log::info("{}: released by VM {} of {}", model.name(), link_.vm().vm.value(), link_.peer());
    model.close();
  }

  DeviceServer& server_;
  ServerLink& link_;
  std::map<DeviceId, std::unique_ptr<ForwardedModel>> forwarded_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

DeviceServer::Slot& DeviceServer::add_slot(std::string name) {
  const DeviceId id(slots_.size() + 1);
  slots_.push_back(std::make_unique<Slot>(
      Slot{.id = id, .name = std::move(name), .route = {}, .on_use = {}, .hosted = {}}));
  return *slots_.back();
}

void DeviceServer::add(std::string name, std::unique_ptr<device::virtio::Model> model) {
  Slot& slot = add_slot(std::move(name));
  slot.hosted = std::make_unique<HostedModel>(loop_, slot.id, slot.name, std::move(model));
}

void DeviceServer::add(std::string name, const MakeDevice& make, RegisterInterface registers) {
  Slot& slot = add_slot(std::move(name));
  slot.hosted =
      std::make_unique<HostedDevice>(loop_, slot.id, slot.name, make, std::move(registers));
}

void DeviceServer::add(std::string name, OnUse on_use) {
  add_slot(std::move(name)).on_use = std::move(on_use);
}

void DeviceServer::add(std::string name, Route route) {
  add_slot(std::move(name)).route = std::move(route);
}

bool DeviceServer::is_idle() const {
  return works_.empty() && !working_ && std::ranges::all_of(slots_, [](const auto& slot) {
           return !slot->hosted || (slot->hosted->is_free() && !slot->on_use.make);
         });
}

// ---- Models that are there while they are used ----

Result<> DeviceServer::make(Slot& slot) {
  auto model = slot.on_use.make();
  if (!model) return fail(model.error().context(slot.name));
  slot.hosted = std::make_unique<HostedModel>(loop_, slot.id, slot.name, std::move(*model),
                                              [this, &slot, alive = std::weak_ptr(alive_)] {
                                                if (alive.lock()) finish(slot);
                                              });
  return {};
}

void DeviceServer::finish(Slot& slot) {
  // (Somebody may have opened it since it was free.)
  if (!slot.hosted->is_free() || std::exchange(slot.changing, true)) return;
  one_by_one([&slot] {
    slot.hosted.reset();
    slot.on_use.finish();
    slot.changing = false;
    log::info("{}: closed", slot.name);
  });
}

void DeviceServer::one_by_one(std::function<void()> work) {
  works_.push_back(std::move(work));
  run_next();
}

// From the loop itself: what runs it again must not be within a session's turn.
void DeviceServer::run_next() {
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.lock() || working_ || works_.empty()) return;
    const std::function<void()> work = std::move(works_.front());
    works_.pop_front();
    working_ = true;
    work();
    working_ = false;
    run_next();
  });
}

Result<std::unique_ptr<SessionService>> DeviceServer::serve(ServerLink& link) {
  return std::make_unique<Service>(*this, link);
}

DeviceServer::Slot* DeviceServer::find(std::string_view name) {
  const auto found = std::ranges::find(
      slots_, name, [](const auto& slot) -> std::string_view { return slot->name; });
  return found == slots_.end() ? nullptr : found->get();
}

Hosted* DeviceServer::find(DeviceId id) {
  const std::uint64_t number = id.value();
  return number == 0 || number > slots_.size() ? nullptr : slots_[number - 1]->hosted.get();
}

}  // namespace orrery::remote
