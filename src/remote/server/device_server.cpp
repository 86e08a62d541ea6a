#include "remote/server/device_server.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::remote {

// One VM's session.
class DeviceServer::Service final : public SessionService {
 public:
  Service(DeviceServer& server, ServerLink& link) : server_(server), link_(link) {}
  ~Service() override {
    for (const auto& model : server_.models_) {
      if (model->belongs_to(link_)) release(*model);
    }
  }

  void take(const Packet& packet) override {
    if (const auto* const command = std::get_if<Command>(&packet.body)) {
      take_command(*command);
    } else if (const auto* const request = std::get_if<QueueRequest>(&packet.body)) {
      HostedModel* const model = own(request->to.device);
      if (model == nullptr) return link_.give_back(packet.header.length);
      model->take(*request, packet.header.length);
    } else {
      refuse_other(packet);
    }
  }

  bool holds_anything() const override {
    return std::ranges::any_of(server_.models_,
                               [&](const auto& model) { return model->belongs_to(link_); });
  }

 private:
  HostedModel* own(DeviceId id) {
    HostedModel* const model = server_.find(id);
    return model != nullptr && model->belongs_to(link_) ? model : nullptr;
  }

  void answer(std::uint64_t tag, ResultCode result, ByteSpan data = {}) {
    link_.send(Feedback{link_.vm(), tag, result, data});
  }

  void take_command(const Command& command) {
    if (command.code == CommandCode::kOpen) return open(command);
    HostedModel* const model = own(command.to.device);
    if (model == nullptr) return answer(command.tag, ResultCode::kNoDevice);
    if (command.code != CommandCode::kClose) return model->take(command);
    release(*model);
    answer(command.tag, ResultCode::kDone);
  }

  void open(const Command& command) {
    const std::string name(reinterpret_cast<const char*>(command.data.data()), command.data.size());
    HostedModel* const model = server_.find(name);
    if (model == nullptr) return answer(command.tag, ResultCode::kNoDevice);
    const auto description = model->open(link_);
    if (!description) {
      const std::string& why = description.error().message();
      return answer(command.tag, ResultCode::kFailed, as_bytes(why.data(), why.size()));
    }
    log::info("{}: opened by VM {} of {}", name, link_.vm().vm.value(), link_.peer());
    answer(command.tag, ResultCode::kDone, encode(*description));
  }

  void release(HostedModel& model) {
    log::info("{}: released by VM {} of {}", model.name(), link_.vm().vm.value(), link_.peer());
    model.close();
  }

  // Models with registers of their own are not hosted here yet; a VMM that asks is told so.
  void refuse_other(const Packet& packet) {
    const auto* const request = std::get_if<IoRequest>(&packet.body);
    if (request == nullptr) return;
    link_.give_back(packet.header.length);
    if (request->posted == 0) answer(request->tag, ResultCode::kNoDevice);
  }

  DeviceServer& server_;
  ServerLink& link_;
};

void DeviceServer::add(std::string name, std::unique_ptr<device::virtio::Model> model) {
  const DeviceId id(models_.size() + 1);
  models_.push_back(std::make_unique<HostedModel>(loop_, id, std::move(name), std::move(model)));
}

bool DeviceServer::is_idle() const {
  return std::ranges::all_of(models_, [](const auto& model) { return model->is_free(); });
}

Result<std::unique_ptr<SessionService>> DeviceServer::serve(ServerLink& link) {
  return std::make_unique<Service>(*this, link);
}

HostedModel* DeviceServer::find(std::string_view name) {
  const auto found = std::ranges::find(
      models_, name, [](const auto& model) -> std::string_view { return model->name(); });
  return found == models_.end() ? nullptr : found->get();
}

HostedModel* DeviceServer::find(DeviceId id) {
  const std::uint64_t number = id.value();
  return number == 0 || number > models_.size() ? nullptr : models_[number - 1].get();
}

}  // namespace orrery::remote
