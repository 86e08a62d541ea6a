#include "remote/server/hosted_device.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "base/format.hpp"
#include "remote/packet/tree.hpp"

namespace orrery::remote {

HostedDevice::HostedDevice(EventLoop& loop, DeviceId id, std::string name, const MakeDevice& make,
                           RegisterInterface registers)
    : Hosted(id, std::move(name)),
      loop_(loop),
      registers_(std::move(registers)),
      host_(loop, {.line = [this](unsigned line, bool asserted) { tell_line(line, asserted); },
                   .power = [this](device::PowerRequest request) { tell_power(request); },
                   .entered = [this] { entered(); }}) {
  ORRERY_ASSERT(registers_.lines <= RegisterHost::kLines);
  device_ = make(host_);
  initial_ = device_->save();
}

HostedDevice::~HostedDevice() = default;

// ---- The VM that has it ----

Result<Description> HostedDevice::open(ServerLink& link) {
  if (!is_free() && !belongs_to(link) && !link_->make_way_for(link)) {
    return fail(format("{}: is in use by a VM of {}", name(), link_->peer()));
  }
  link_ = &link;
  begin_anew();
  return Description{.device = id(),
                     .model = std::string(device_->name()),
                     .type = 0,
                     .features = 0,
                     .queue_sizes = {},
                     .config = {},
                     .registers = registers_};
}

void HostedDevice::close() {
  link_ = nullptr;
  begin_anew();
}

// The VM hears nothing of it until it has said from where it begins.
void HostedDevice::begin_anew() {
  begun_ = false;
  unanswered_ = false;
  last_tag_ = 0;
  told_.clear();
  const std::lock_guard lock(host_.device_lock());
  const Result<> restored = device_->restore(initial_);
  ORRERY_ASSERT(restored);
}

void HostedDevice::take(const Command& command) {
  if (command.code == CommandCode::kSave) return save(command.tag);
  const Result<> done = carry_out(command);
  last_tag_ = std::max(last_tag_, command.tag);
  tell_settings(command.tag, true);
  answer(command.tag, done);
}

Result<> HostedDevice::carry_out(const Command& command) {
  const std::lock_guard lock(host_.device_lock());
  switch (command.code) {
    case CommandCode::kStart: {
      const Result<> restored = device_->restore(initial_);
      begin();
      return restored;
    }
    case CommandCode::kReset: device_->reset(); return {};
    case CommandCode::kRestore: {
      const Result<> restored = restore(command.data);
      begin();
      return restored;
    }
    default: return fail(format("{}: does not know that command", name()));
  }
}

Result<> HostedDevice::restore(ByteSpan settings) {
  ORRERY_TRY(const device::State state, decode_tree(settings, name()));
  const Result<> restored = device_->restore(state);
  if (!restored) return fail(restored.error().context(name()));
  return {};
}

// It goes on elsewhere, and nothing of what its ports bring is its own from here on.
void HostedDevice::save(std::uint64_t tag) {
  if (unanswered_) tell_settings(last_tag_, false);
  const std::vector<std::uint8_t> last = settings();
  begin_anew();
  link_->send(Feedback{.to = link_->vm(), .tag = tag, .data = as_bytes(last.data(), last.size())});
}

// ---- Accesses ----

void HostedDevice::take(const IoRequest& request, std::uint32_t packet_bytes) {
  const auto width = static_cast<Width>(request.size);
  std::uint64_t value = 0;
  {
    const std::lock_guard lock(host_.LoopHost::device_lock());
    if (request.direction == IoDirection::kRead) {
      value = device_->read(request.region, request.offset, width);
    } else {
      std::memcpy(&value, request.data.data(), request.data.size());
      device_->write(request.region, request.offset, width, value);
    }
  }
  last_tag_ = request.tag;
  link_->give_back(packet_bytes);
  if (request.posted != 0) {
    unanswered_ = true;
    return entered();
  }
  tell_settings(request.tag, true);
  const bool read = request.direction == IoDirection::kRead;
  link_->send(Feedback{
      .to = link_->vm(), .tag = request.tag, .data = as_bytes(&value, read ? request.size : 0)});
}

// ---- What the VM is told ----

// At the end of this turn of the loop, for all that comes in it.
void HostedDevice::entered() {
  if (!begun_ || std::exchange(look_posted_, true)) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    look_posted_ = false;
    tell_settings(last_tag_, !unanswered_);
  });
}

std::vector<std::uint8_t> HostedDevice::settings() const {
  return device::State::to_cbor(device_->save());
}

void HostedDevice::tell_settings(std::uint64_t tag, bool changed_only) {
  if (!begun_) return;
  std::vector<std::uint8_t> now = settings();
  unanswered_ = false;
  if (changed_only && now == told_) return;
  std::vector<std::uint8_t> data(sizeof tag);
  store_le(data.data(), tag);
  data.insert(data.end(), now.begin(), now.end());
  told_ = std::move(now);
  link_->send(Event{.to = link_->vm(),
                    .device = id(),
                    .code = EventCode::kSettings,
                    .data = as_bytes(data.data(), data.size())});
}

void HostedDevice::begin() {
  begun_ = true;
  for (unsigned line = 0; line < registers_.lines; ++line) tell_line(line, host_.level(line));
}

void HostedDevice::tell_line(unsigned line, bool asserted) {
  if (!begun_) return;
  link_->send(Interrupt{.to = link_->vm(),
                        .device = id(),
                        .kind = asserted ? InterruptKind::kLineHigh : InterruptKind::kLineLow,
                        .line = line});
}

void HostedDevice::tell_power(device::PowerRequest request) {
  if (!begun_) return;
  link_->send(Event{.to = link_->vm(),
                    .device = id(),
                    .code = request == device::PowerRequest::kOff ? EventCode::kPowerOff
                                                                  : EventCode::kPowerReset});
}

}  // namespace orrery::remote
