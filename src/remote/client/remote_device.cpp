#include "remote/client/remote_device.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/log.hpp"
#include "device/fields.hpp"
#include "remote/packet/tree.hpp"

namespace orrery::remote {
namespace {

constexpr unsigned kVersion = 1;
// Writes that may be on their way with nobody waiting: enough for what a driver writes in one go (a
// UART's queue has 16 bytes), little enough to be done again elsewhere within a millisecond.
constexpr std::size_t kMostPosted = 64;

}  // namespace

RemoteDevice::RemoteDevice(ToServer& server, std::string name, std::uint16_t number,
                           Description description)
    : RemotePart(std::move(name), number),
      server_(&server),
      description_(std::move(description)),
      last_tag_(tag_base_),
      settings_tag_(tag_base_) {}

void RemoteDevice::attach(device::Host& host) {
  host_ = &host;
  if (found_) begin();
}

std::mutex& RemoteDevice::lock() {
  return host_ == nullptr ? own_lock_ : host_->device_lock();
}

bool RemoteDevice::Access::valid() const {
  return kind <= Kind::kReset &&
         (width == Width::k8 || width == Width::k16 || width == Width::k32 || width == Width::k64);
}

// ---- The guest's side, with the device's lock ----

std::uint64_t RemoteDevice::read(unsigned region, std::uint64_t offset, Width width) {
  return wait_for(add({.kind = Access::Kind::kRead,
                       .region = static_cast<std::uint16_t>(region),
                       .offset = offset,
                       .width = width})) &
         mask_of(width);
}

void RemoteDevice::write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) {
  const auto number = static_cast<std::uint16_t>(region);
  const bool post = may_post(number, offset) && posted_ < kMostPosted;
  const auto access = add({.kind = Access::Kind::kWrite,
                           .posted = post,
                           .region = number,
                           .offset = offset,
                           .width = width,
                           .value = value & mask_of(width)});
  if (!post) wait_for(access);
}

void RemoteDevice::post_write(unsigned region, std::uint64_t offset, Width width,
                              std::uint64_t value) {
  const std::lock_guard guard(lock());
  add({.kind = Access::Kind::kWrite,
       .posted = true,
       .region = static_cast<std::uint16_t>(region),
       .offset = offset,
       .width = width,
       .value = value & mask_of(width)});
}

void RemoteDevice::reset() {
  stopped_waiting_ = false;
  add({.kind = Access::Kind::kReset});
}

bool RemoteDevice::may_post(std::uint16_t region, std::uint64_t offset) const {
  const auto& posted = description_.registers->posted;
  return std::ranges::find(posted, RegisterInterface::Posted{region, offset}) != posted.end();
}

RemoteDevice::Accesses::iterator RemoteDevice::add(const Access& access) {
  if (access.posted) ++posted_;
  const auto added = accesses_.emplace_hint(accesses_.end(), ++last_tag_, access);
  send_waiting();
  return added;
}

// The lock is the caller's, who has it again afterwards. Iterators of a map stay.
std::uint64_t RemoteDevice::wait_for(Accesses::iterator access) {
  std::unique_lock lock(host_->device_lock(), std::adopt_lock);
  answered_.wait(
      lock, [&] { return access->second.stage == Access::Stage::kAnswered || stopped_waiting_; });
  lock.release();
  if (access->second.stage != Access::Stage::kAnswered) {
    access->second.left = true;
    return ~std::uint64_t{0};
  }
  const std::uint64_t value = access->second.value;
  accesses_.erase(access);
  return value;
}

void RemoteDevice::stop_waiting() {
  {
    const std::lock_guard guard(lock());
    stopped_waiting_ = true;
  }
  answered_.notify_all();
}

// ---- To the server ----

// In order, as far as there is credit.
void RemoteDevice::send_waiting() {
  if (!found_) return;
  const auto first = std::ranges::find(accesses_, Access::Stage::kWaiting,
                                       [](const auto& entry) { return entry.second.stage; });
  for (auto entry = first; entry != accesses_.end(); ++entry) {
    if (!server_->has_credit()) return;
    entry->second.stage = Access::Stage::kSent;
    send(entry->first, entry->second);
  }
}

void RemoteDevice::send(std::uint64_t tag, const Access& access) {
  const ToDevice to = server_->address_of(description_.device);
  if (access.kind == Access::Kind::kReset) {
    return server_->send(Command{.to = to, .tag = tag, .code = CommandCode::kReset});
  }
  const bool write = access.kind == Access::Kind::kWrite;
  const auto size = static_cast<std::uint8_t>(bytes_of(access.width));
  server_->send(IoRequest{.to = to,
                          .tag = tag,
                          .direction = write ? IoDirection::kWrite : IoDirection::kRead,
                          .posted = static_cast<std::uint8_t>(access.posted),
                          .region = access.region,
                          .offset = access.offset,
                          .size = size,
                          .data = as_bytes(&access.value, write ? size : 0)});
}

// Says from where the model begins; it then says how its lines are.
void RemoteDevice::begin() {
  if (host_ == nullptr) return;
  const bool anew = settings_.empty();
  server_->send(Command{.to = server_->address_of(description_.device),
                        .tag = settings_tag_,
                        .code = anew ? CommandCode::kStart : CommandCode::kRestore,
                        .data = settings_});
}

// ---- The server's side ----

void RemoteDevice::take(const Feedback& feedback) {
  const std::lock_guard guard(lock());
  if (feedback.result != ResultCode::kDone) {
    const auto* const text = reinterpret_cast<const char*>(feedback.data.data());
    log::warning("{}: {}", remote_name(),
                 feedback.result == ResultCode::kNoDevice
                     ? "the server has it no more"
                     : std::string_view(text, feedback.data.size()));
  }
  // (The tag of a restore is that of an access before it, whose vCPU may not have woken up yet.)
  const auto found = accesses_.find(feedback.tag);
  if (found == accesses_.end() || found->second.posted ||
      found->second.stage != Access::Stage::kSent) {
    return;
  }
  if (next_settings_tag_ == feedback.tag) hold_settings(feedback.tag, next_settings_);
  Access& access = found->second;
  access.stage = Access::Stage::kAnswered;
  if (access.kind == Access::Kind::kRead) {
    const std::size_t size = std::min<std::size_t>(feedback.data.size(), bytes_of(access.width));
    access.value = feedback.result == ResultCode::kDone ? 0 : ~std::uint64_t{0};
    if (size != 0) std::memcpy(&access.value, feedback.data.data(), size);
  }
  if (access.left || access.kind == Access::Kind::kReset) accesses_.erase(found);
  forget_posted(feedback.tag);
  answered_.notify_all();
}

void RemoteDevice::take(const Interrupt& interrupt) {
  if (interrupt.kind == InterruptKind::kMessage) return;
  if (interrupt.line >= description_.registers->lines) return;
  const std::lock_guard guard(lock());
  if (host_ != nullptr) host_->set_line(interrupt.line, interrupt.kind == InterruptKind::kLineHigh);
}

void RemoteDevice::take(const Event& event) {
  if (host_ == nullptr) return;
  switch (event.code) {
    // (Without the lock: whoever ends the machine has nobody wait any more.)
    case EventCode::kPowerOff: return host_->request_power(device::PowerRequest::kOff);
    case EventCode::kPowerReset: return host_->request_power(device::PowerRequest::kReset);
    case EventCode::kSettings: return take_settings(event.data);
    default: return;
  }
}

// They include all up to the tag. Where somebody waits for that answer, they hold with it, so that
// a model elsewhere either has them and is not asked again, or has those of before and is.
void RemoteDevice::take_settings(ByteSpan data) {
  if (data.size() <= sizeof(std::uint64_t)) return;
  const std::lock_guard guard(lock());
  const auto tag = load_le<std::uint64_t>(data.data());
  const ByteSpan bytes = data.subspan(sizeof tag);
  std::vector<std::byte> settings(bytes.begin(), bytes.end());
  const auto found = accesses_.find(tag);
  if (found != accesses_.end() && found->second.stage == Access::Stage::kSent &&
      !found->second.posted) {
    next_settings_ = std::move(settings);
    next_settings_tag_ = tag;
    return;
  }
  if (tag > last_tag_) return;
  hold_settings(tag, settings);
  forget_posted(tag);
}

// Those up to TAG have been done.
void RemoteDevice::forget_posted(std::uint64_t tag) {
  for (auto entry = accesses_.begin(); entry != accesses_.end() && entry->first <= tag;) {
    if (entry->second.posted) {
      entry = accesses_.erase(entry);
      --posted_;
    } else {
      ++entry;
    }
  }
}

void RemoteDevice::hold_settings(std::uint64_t tag, std::vector<std::byte>& settings) {
  settings_.swap(settings);
  settings_tag_ = tag;
  next_settings_tag_ = 0;
}

void RemoteDevice::go_on() {
  const std::lock_guard guard(lock());
  send_waiting();
}

void RemoteDevice::hold() {
  const std::lock_guard guard(lock());
  found_ = false;
}

// All that was sent there has been answered before.
void RemoteDevice::keep_settings(ByteSpan settings) {
  const std::lock_guard guard(lock());
  settings_.assign(settings.begin(), settings.end());
}

void RemoteDevice::lost() {
  const std::lock_guard guard(lock());
  found_ = false;
  next_settings_tag_ = 0;
  for (auto& [tag, access] : accesses_) {
    if (access.stage == Access::Stage::kSent) access.stage = Access::Stage::kWaiting;
  }
}

Result<> RemoteDevice::found(ToServer& server, const Description& description) {
  const std::lock_guard guard(lock());
  if (description.model != description_.model || description.registers != description_.registers) {
    return fail(format("{}: is another device than before", remote_name()));
  }
  description_ = description;
  server_ = &server;
  found_ = true;
  begin();
  send_waiting();
  return {};
}

// ---- State ----

// While the machine stands still nobody waits; what is under way are writes that nobody waits for.
device::State RemoteDevice::save() const {
  device::State accesses = device::State::array();
  for (const auto& [tag, access] : accesses_) {
    if (access.stage != Access::Stage::kAnswered) {
      accesses.push_back(device::FieldWriter::encode(access));
    }
  }
  const auto* const settings = reinterpret_cast<const std::uint8_t*>(settings_.data());
  return {{"model", "remote-" + description_.model},
          {"version", kVersion},
          {"settings", device::State::binary({settings, settings + settings_.size()})},
          {"under_way", std::move(accesses)}};
}

Result<> RemoteDevice::restore(const device::State& state) {
  std::string model;
  unsigned version = 0;
  std::vector<Access> accesses;
  device::FieldReader reader(state);
  reader("model", model);
  reader("version", version);
  reader("under_way", accesses);
  if (!reader.wrong().empty() || model != "remote-" + description_.model || version != kVersion ||
      !state.contains("settings") || !state["settings"].is_binary()) {
    return fail(
        format("saved state of {} on a server: not found; it was saved by another release "
               "or for another device",
               description_.model));
  }
  const auto& settings = state["settings"].get_binary();
  accesses_.clear();
  posted_ = 0;
  const ByteSpan bytes = as_bytes(settings.data(), settings.size());
  settings_.assign(bytes.begin(), bytes.end());
  settings_tag_ = last_tag_;
  if (found_) begin();
  for (const Access& access : accesses) add(access);
  return {};
}

}  // namespace orrery::remote
