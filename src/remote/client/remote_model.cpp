#include "remote/client/remote_model.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "base/format.hpp"
#include "base/log.hpp"
#include "device/saved_state.hpp"

namespace orrery::remote {

namespace virtio = device::virtio;
using virtio::Taken;

RemoteModel::RemoteModel(ToServer& server, std::string name, std::uint16_t number,
                         Description description)
    : RemotePart(std::move(name), number), server_(&server), description_(std::move(description)) {}

// ---- The driver's side, with the device's lock ----

// Nobody waits for the answer: order is enough.
void RemoteModel::command(CommandCode code, ByteSpan data, std::uint64_t tag) {
  if (found_) server_->send(Command{server_->address_of(description_.device), tag, code, data});
}

void RemoteModel::start(virtio::Features chosen) {
  started_ = true;
  forget_settings();
  chosen_ = chosen;
  send_start();
}

void RemoteModel::send_start() {
  command(CommandCode::kStart, as_bytes(&chosen_, sizeof chosen_));
}

// Guest memory is written here only, so it is the guest's again at once; the server sees to it that
// what it has under way ends before anything new begins.
bool RemoteModel::stop() {
  if (std::exchange(started_, false)) command(CommandCode::kStop, {});
  under_way_.clear();
  forget_settings();
  return true;
}

// The value is seen at once, as from a device on a bus; the server, which knows what may be
// written, has the last word.
void RemoteModel::write_config(std::uint64_t offset, Width width, std::uint64_t value) {
  auto& config = description_.config;
  if (offset > config.size() || bytes_of(width) > config.size() - offset) return;
  std::memcpy(config.data() + offset, &value, bytes_of(width));
  config_write_.resize(4 + 1 + 8);
  store_le(config_write_.data(), static_cast<std::uint32_t>(offset));
  store_le(config_write_.data() + 4, static_cast<std::uint8_t>(bytes_of(width)));
  store_le(config_write_.data() + 5, value);
  config_tag_ = tag_base_ | ++last_tag_;
  command(CommandCode::kWriteConfig, config_write_, config_tag_);
}

void RemoteModel::process(unsigned queue) {
  core_->drain(queue, [this, queue](virtio::Virtqueue& from) { return take_chain(queue, from); });
}

Taken RemoteModel::take_chain(unsigned queue, virtio::Virtqueue& from) {
  if (found_ && !server_->has_credit()) return Taken::kLater;
  UnderWay request{.queue = queue, .chain = {}};
  const Taken taken = from.take(request.chain);
  if (taken != Taken::kChain) return taken;
  if (request.chain.readable_bytes > kMostData || request.chain.writable_bytes > kMostData) {
    core_->fail("a request of more than 16 MiB, which no packet takes");
    return Taken::kChain;
  }
  const std::uint64_t tag = tag_base_ | ++last_tag_;
  const auto kept = under_way_.emplace(tag, std::move(request)).first;
  if (found_) send(tag, kept->second);
  return Taken::kChain;
}

void RemoteModel::send(std::uint64_t tag, const UnderWay& request) {
  payload_.resize(request.chain.readable_bytes);
  if (!virtio::ChainReader(core_->host(), request.chain).read(payload_)) {
    return core_->fail("a request is in memory that is not RAM");
  }
  server_->send(QueueRequest{.to = server_->address_of(description_.device),
                             .tag = tag,
                             .queue = static_cast<std::uint16_t>(request.queue),
                             .writable = static_cast<std::uint32_t>(request.chain.writable_bytes),
                             .data = payload_});
}

// ---- The server's side ----

void RemoteModel::take(const QueueResult& result) {
  const std::lock_guard lock(core_->host().device_lock());
  const auto found = under_way_.find(result.tag);
  if (found == under_way_.end()) return;  // of before a reset
  const UnderWay request = std::move(found->second);
  under_way_.erase(found);
  if (next_settings_tag_ == result.tag) {
    settings_.swap(next_settings_);
    next_settings_tag_ = 0;
  }
  if (!core_->live()) return;
  if (!fill(request, result)) {
    return core_->fail("an answer does not fit what was asked, or its memory is not RAM");
  }
  core_->give(request.queue, request.chain, result.written);
}

bool RemoteModel::fill(const UnderWay& request, const QueueResult& result) {
  const std::uint64_t room = request.chain.writable_bytes;
  if (result.data.size() > room || result.written > room) return false;
  const ByteSpan head = result.data.first(result.head);
  const ByteSpan tail = result.data.subspan(result.head);
  virtio::ChainWriter writer(core_->host(), request.chain);
  return writer.write(head) && writer.skip(room - head.size() - tail.size()) && writer.write(tail);
}

void RemoteModel::take(const Event& event) {
  const std::lock_guard lock(core_->host().device_lock());
  if (event.code == EventCode::kNeedsReset) {
    core_->fail("its server says so");
  } else if (event.code == EventCode::kSettings) {
    take_settings(event.data);
  } else if (event.code == EventCode::kConfiguration &&
             event.data.size() == description_.config.size()) {
    auto& config = description_.config;
    if (config.empty()) return;
    if (std::memcmp(config.data(), event.data.data(), config.size()) == 0) return;
    std::memcpy(config.data(), event.data.data(), config.size());
    core_->configuration_changed();
  }
}

// They hold with the result that follows, so that a model elsewhere either has them and is not
// asked again, or has those of before and is.
void RemoteModel::take_settings(ByteSpan data) {
  if (data.size() < sizeof(std::uint64_t)) return;
  const auto tag = load_le<std::uint64_t>(data.data());
  const ByteSpan settings = data.subspan(sizeof tag);
  if (tag == config_tag_ && started_) {
    settings_.assign(settings.begin(), settings.end());
    config_write_.clear();
  } else {
    next_settings_.assign(settings.begin(), settings.end());
    next_settings_tag_ = tag;
  }
}

void RemoteModel::forget_settings() {
  settings_.clear();
  next_settings_tag_ = 0;
  config_tag_ = 0;
  config_write_.clear();
  held_ = false;
}

void RemoteModel::keep_settings(ByteSpan settings) {
  const std::lock_guard lock(core_->host().device_lock());
  if (held_) settings_.assign(settings.begin(), settings.end());
}

void RemoteModel::hold() {
  const std::lock_guard lock(core_->host().device_lock());
  found_ = false;
  held_ = started_;
}

void RemoteModel::go_on() {
  const std::lock_guard lock(core_->host().device_lock());
  process_all();
}

void RemoteModel::process_all() {
  for (unsigned queue = 0; queue < queue_count() && core_->live(); ++queue) process(queue);
}

void RemoteModel::lost() {
  const std::lock_guard lock(core_->host().device_lock());
  found_ = false;
  next_settings_tag_ = 0;
}

// Requests whose answers had not come may have been carried out before; done twice, those of a disk
// have the same effect.
Result<> RemoteModel::found(ToServer& server, const Description& description) {
  const std::lock_guard lock(core_->host().device_lock());
  if (description.type != description_.type || description.features != description_.features ||
      description.queue_sizes != description_.queue_sizes) {
    return fail(format("{}: is another device than before", remote_name()));
  }
  const bool changed = description.config != description_.config;
  description_ = description;
  server_ = &server;
  found_ = true;
  held_ = false;
  if (changed) core_->configuration_changed();
  if (!started_) return {};
  send_start();
  if (!settings_.empty()) command(CommandCode::kRestore, settings_);
  if (!config_write_.empty()) command(CommandCode::kWriteConfig, config_write_, config_tag_);
  for (const auto& [tag, request] : under_way_) send(tag, request);
  // What waited for the credit of the session before waits for nothing now, and the driver, which
  // has been told not to, does not notify again.
  process_all();
  return {};
}

// ---- State ----

device::State RemoteModel::save() const {
  device::State chains = device::State::array();
  for (const auto& [tag, request] : under_way_) {
    chains.push_back({{"queue", request.queue}, {"chain", request.chain.save()}});
  }
  const auto* const settings = reinterpret_cast<const std::uint8_t*>(settings_.data());
  return {{"under_way", std::move(chains)},
          {"settings", device::State::binary({settings, settings + settings_.size()})}};
}

void RemoteModel::restore(const device::State& state, virtio::Features chosen) {
  std::vector<UnderWay> requests;
  for (const device::State& entry : state.at("under_way")) {
    requests.push_back({entry.at("queue").get<unsigned>(), virtio::Chain::from(entry.at("chain"))});
    if (requests.back().queue >= queue_count()) {
      throw std::runtime_error("a request under way belongs to no queue");
    }
  }
  const auto& settings = state.at("settings").get_binary();
  stop();
  if (!core_->live()) return;
  start(chosen);
  const ByteSpan bytes = as_bytes(settings.data(), settings.size());
  settings_.assign(bytes.begin(), bytes.end());
  if (!settings_.empty()) command(CommandCode::kRestore, settings_);
  for (UnderWay& request : requests) {
    const std::uint64_t tag = tag_base_ | ++last_tag_;
    const auto kept = under_way_.emplace(tag, std::move(request)).first;
    if (found_) send(tag, kept->second);
  }
}

}  // namespace orrery::remote
