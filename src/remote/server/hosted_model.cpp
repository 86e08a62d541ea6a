#include "remote/server/hosted_model.hpp"

#include <mutex>

#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/log.hpp"
#include "remote/packet/tree.hpp"

namespace orrery::remote {

namespace virtio = device::virtio;

// A queue whose chains are the requests that came.
class HostedModel::Ring final : public virtio::Ring {
 public:
  Ring(HostedModel& model, unsigned queue, device::Host& host, const virtio::QueueSetup& setup)
      : virtio::Ring(host, setup), model_(model), queue_(queue) {}

  virtio::Taken take(virtio::Chain& chain) override {
    auto& waiting = model_.waiting_[queue_];
    // (What finds no room is taken when a request leaves: give() sees to it.)
    if (waiting.empty() || !memory().has_room(waiting.front())) return virtio::Taken::kNone;
    memory().enter(std::move(waiting.front()), chain);
    waiting.pop_front();
    return virtio::Taken::kChain;
  }
  void put_back(const virtio::Chain& chain) override {
    model_.waiting_[queue_].push_front(memory().put_back(chain));
  }
  void give(const virtio::Chain& chain, std::uint32_t written) override {
    model_.give(queue_, chain, written);
  }
  // The VMM's ring decides about interrupts.
  bool publish() override { return false; }
  void disable_notifications() override {}
  bool enable_notifications() override {
    auto& waiting = model_.waiting_[queue_];
    return !waiting.empty() && memory().has_room(waiting.front());
  }
  device::State save() const override { return device::State::object(); }
  void restore(const device::State& /*state*/) override {}

 private:
  RequestMemory& memory() { return model_.host_.memory(); }

  HostedModel& model_;
  const unsigned queue_;
};

HostedModel::HostedModel(EventLoop& loop, DeviceId id, std::string name,
                         std::unique_ptr<virtio::Model> model, std::function<void()> freed)
    : Hosted(id, std::move(name)),
      loop_(loop),
      freed_(std::move(freed)),
      host_(loop),
      core_(host_, *this, std::move(model)),
      waiting_(core_.queue_count()) {
  for (unsigned n = 0; n < core_.queue_count(); ++n) {
    core_.queue(n).use_ring([this, n](device::Host& host, const virtio::QueueSetup& setup) {
      return std::make_unique<Ring>(*this, n, host, setup);
    });
  }
}

std::vector<std::uint8_t> HostedModel::config() {
  const ByteSpan bytes = core_.model().config();
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {begin, begin + bytes.size()};
}

// ---- The VM that has it ----

Result<Description> HostedModel::open(ServerLink& link) {
  if (link_ != nullptr && !belongs_to(link) && link_->make_way_for(link)) close();
  if (!is_free() && !belongs_to(link)) {
    return fail(
        format("{}: is in use by {}", name(),
               link_ == nullptr ? "requests of the VM before" : "a VM of " + link_->peer()));
  }
  link_ = &link;
  const std::lock_guard lock(host_.device_lock());
  Description description{.device = id(),
                          .model = std::string(core_.model().name()),
                          .type = static_cast<std::uint32_t>(core_.model().type()),
                          .features = core_.model().features(),
                          .queue_sizes = {},
                          .config = config()};
  for (unsigned n = 0; n < core_.queue_count(); ++n) {
    description.queue_sizes.push_back(core_.queue(n).largest());
  }
  return description;
}

void HostedModel::close() {
  const std::lock_guard lock(host_.device_lock());
  link_ = nullptr;
  stop();
}

void HostedModel::take(const Command& command) {
  const std::lock_guard lock(host_.device_lock());
  if (command.code == CommandCode::kSave) return save(command.tag);
  const Result<> done = carry_out(command);
  if (std::exchange(settings_changed_, false)) tell_settings(command.tag);
  answer(command.tag, done);
}

Result<> HostedModel::carry_out(const Command& command) {
  switch (command.code) {
    case CommandCode::kStart: return start(command.data);
    case CommandCode::kWriteConfig: return write_config(command.data);
    case CommandCode::kRestore: return restore(command.data);
    case CommandCode::kReset:
    case CommandCode::kStop: stop(); return {};
    default: return fail(format("{}: does not know that command", name()));
  }
}

Result<> HostedModel::start(ByteSpan data) {
  if (data.size() != sizeof(virtio::Features)) return fail("features have 8 bytes");
  const auto features = load_le<virtio::Features>(data.data());
  if (resetting_) {
    start_later_ = features;
  } else {
    go(features);
  }
  return {};
}

// What the driver and its transport have agreed upon in the VMM, once more.
void HostedModel::go(virtio::Features features) {
  using namespace virtio;
  core_.choose(features);
  core_.write_status(kAcknowledge | kDriver);
  core_.write_status(kAcknowledge | kDriver | kFeaturesOk);
  for (unsigned n = 0; n < core_.queue_count(); ++n) core_.enable_queue(n);
  core_.write_status(kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  if (!core_.live()) tell_needs_reset();
}

// The library and the models report by exceptions; they end here.
Result<> HostedModel::restore(ByteSpan data) {
  ORRERY_TRY(device::State settings, decode_tree(data, name()));
  try {
    if (resetting_) {
      restore_later_ = std::move(settings);
    } else {
      adopt(settings);
    }
    return {};
  } catch (const std::exception& error) {
    return fail(format("{}: its settings are damaged: {}", name(), error.what()));
  }
}

// Whatever the port holds for the model goes to what the driver has made available since.
void HostedModel::adopt(const device::State& settings) {
  if (!core_.live()) return;
  core_.model().adopt_settings(settings, core_.chosen());
  tell_configuration();
}

// Whoever asks goes on elsewhere: all that has no result yet will be asked for there, and has ended
// here before the answer.
void HostedModel::save(std::uint64_t tag) {
  saved_ = Saved{tag, device::State::to_cbor(core_.model().settings())};
  stop();
}

Result<> HostedModel::write_config(ByteSpan data) {
  constexpr std::size_t kSize = 4 + 1 + 8;
  if (data.size() != kSize) return fail("a write of configuration has 13 bytes");
  const auto width = static_cast<Width>(load_le<std::uint8_t>(data.data() + 4));
  if (width != Width::k8 && width != Width::k16 && width != Width::k32 && width != Width::k64) {
    return fail("a write of configuration has 1, 2, 4 or 8 bytes");
  }
  core_.model().write_config(load_le<std::uint32_t>(data.data()), width,
                             load_le<std::uint64_t>(data.data() + 5));
  tell_configuration();
  return {};
}

// With the lock held. What the VM sent before is of no use to it.
void HostedModel::stop() {
  std::uint64_t dropped = 0;
  for (auto& queue : waiting_) {
    for (const KeptRequest& request : queue) dropped += request.packet_bytes;
    queue.clear();
  }
  if (link_ != nullptr && dropped != 0) link_->give_back(dropped);
  start_later_.reset();
  restore_later_.reset();
  settings_changed_ = false;
  if (std::exchange(resetting_, true)) return;
  core_.write_status(0);
}

void HostedModel::reset_done() {
  const std::uint64_t dropped = host_.memory().clear();
  if (link_ != nullptr && dropped != 0) link_->give_back(dropped);
  // Whoever comes from within the model goes on only when it has returned.
  host_.post([this] { begin_anew(); });
}

void HostedModel::begin_anew() {
  resetting_ = false;
  if (link_ == nullptr && freed_) loop_.post(freed_);
  if (const auto saved = std::exchange(saved_, std::nullopt); saved && link_ != nullptr) {
    link_->send(Feedback{.to = link_->vm(),
                         .tag = saved->tag,
                         .data = as_bytes(saved->settings.data(), saved->settings.size())});
  }
  if (!start_later_) return;
  go(*std::exchange(start_later_, std::nullopt));
  const auto settings = std::exchange(restore_later_, std::nullopt);
  if (!settings) return;
  try {
    adopt(*settings);
  } catch (const std::exception& error) {
    log::warning("{}: its settings are damaged: {}", name(), error.what());
    core_.fail("its settings are damaged");
  }
}

// ---- Requests ----

void HostedModel::take(const QueueRequest& request, std::uint32_t packet_bytes) {
  const std::lock_guard lock(host_.device_lock());
  if (request.queue >= waiting_.size()) return link_->give_back(packet_bytes);
  waiting_[request.queue].push_back({.tag = request.tag,
                                     .packet_bytes = packet_bytes,
                                     .writable = request.writable,
                                     .bytes = {request.data.begin(), request.data.end()}});
  core_.notify(request.queue);
}

void HostedModel::give(unsigned queue, const virtio::Chain& chain, std::uint32_t written) {
  const FilledRequest filled = host_.memory().leave(chain);
  if (link_ == nullptr) return;
  if (std::exchange(settings_changed_, false)) tell_settings(filled.request.tag);
  link_->send(QueueResult{.to = link_->vm(),
                          .tag = filled.request.tag,
                          .written = written,
                          .head = filled.head,
                          .data = filled.data});
  link_->give_back(filled.request.packet_bytes);
  if (!waiting_[queue].empty()) host_.post([this, queue] { core_.notify(queue); });
}

// ---- What the model says by itself ----

void HostedModel::used_buffers(unsigned /*queue*/) {}

// Also when it needs a reset.
void HostedModel::configuration_changed() {
  if ((core_.status() & virtio::kDeviceNeedsReset) != 0) return tell_needs_reset();
  tell_configuration();
}

void HostedModel::tell_needs_reset() {
  if (link_ == nullptr) return;
  link_->send(Event{.to = link_->vm(), .device = id(), .code = EventCode::kNeedsReset});
}

void HostedModel::tell_settings(std::uint64_t tag) {
  if (link_ == nullptr) return;
  std::vector<std::uint8_t> data(sizeof tag);
  store_le(reinterpret_cast<std::byte*>(data.data()), tag);
  device::State::to_cbor(core_.model().settings(), data);
  link_->send(Event{.to = link_->vm(),
                    .device = id(),
                    .code = EventCode::kSettings,
                    .data = as_bytes(data.data(), data.size())});
}

void HostedModel::tell_configuration() {
  if (link_ == nullptr) return;
  link_->send(Event{.to = link_->vm(),
                    .device = id(),
                    .code = EventCode::kConfiguration,
                    .data = core_.model().config()});
}

}  // namespace orrery::remote
