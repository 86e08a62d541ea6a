#include "device/virtio/core.hpp"

#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/log.hpp"

namespace orrery::device::virtio {
namespace {

constexpr Features kCoreFeatures = kVersion1 | kIndirectDescriptors | kEventIndex | kRingPacked;

}  // namespace

Core::Core(Host& host, Signals& signals, std::unique_ptr<Model> model)
    : host_(host),
      signals_(signals),
      model_(std::move(model)),
      offered_(model_->features() | kCoreFeatures) {
  for (unsigned i = 0; i < model_->queue_count(); ++i) queues_.emplace_back(model_->queue_size(i));
  model_->attach(*this);
}

// Features can be chosen until FEATURES_OK (3.1.1).
void Core::choose(Features features) {
  if ((status_ & kFeaturesOk) == 0) chosen_ = features;
}

// 2.1.1: the driver sets bits one after the other and clears them only by a reset.
void Core::write_status(std::uint8_t value) {
  if (value == 0) return reset();
  if (stopping_) return;
  const auto rising = static_cast<std::uint8_t>(value & ~status_);
  status_ = static_cast<std::uint8_t>(status_ | (value & ~kDeviceNeedsReset));
  if ((rising & kFeaturesOk) != 0) {
    const bool acceptable =
        (chosen_ & ~offered_) == 0 && (chosen_ & kVersion1) != 0 && model_->accepts(chosen_);
    if (!acceptable) status_ = static_cast<std::uint8_t>(status_ & ~(kFeaturesOk | kDriverOk));
  }
  const bool ready = (status_ & kFeaturesOk) != 0 && (status_ & kDriverOk) != 0;
  if ((rising & kDriverOk) != 0 && ready) start();
}

void Core::start() {
  live_ = true;
  for (Queue& queue : queues_) {
    if (queue.queue.enabled() && !queue.queue.start(host_, chosen_)) {
      return fail("a queue's size or the alignment of its parts is not allowed (2.6)");
    }
  }
  model_->start(chosen_);
  // Chains that were made available before DRIVER_OK count from now.
  for (unsigned i = 0; i < queue_count(); ++i) kick(i);
}

// A reset is over when the status reads 0 (2.1.2); not before the ports have given back the
// guest's memory.
void Core::reset() {
  if (stopping_) return;
  live_ = false;
  stopping_ = !model_->stop();
  if (!stopping_) finish_reset();
}

void Core::stopped() {
  if (std::exchange(stopping_, false)) finish_reset();
}

void Core::finish_reset() {
  status_ = 0;
  chosen_ = 0;
  for (Queue& queue : queues_) {
    queue.queue.reset();
    queue.to_show = false;
  }
  signals_.reset_done();
}

// A driver may enable a queue only before DRIVER_OK (3.1.1).
void Core::enable_queue(unsigned index) {
  if ((status_ & kDriverOk) == 0) queues_[index].queue.enable();
}

void Core::notify(unsigned index) {
  if (!live_ || index >= queues_.size()) return;
  const Queue& queue = queues_[index];
  if (queue.queue.live() && !queue.kicked && model_->works_at_once()) {
    run_at_once(index);
  } else {
    kick(index);
  }
}

void Core::run_at_once(unsigned index) {
  at_once_ = true;
  model_->process(index);
  at_once_ = false;
  show();
}

void Core::notify_on_loop(unsigned index) {
  if (live_ && queues_[index].queue.live()) model_->process(index);
}

void Core::kick(unsigned index) {
  if (!queues_[index].queue.live()) return;
  if (std::exchange(queues_[index].kicked, true)) return;
  host_.post([this, index] { run(index); });
}

void Core::run(unsigned index) {
  queues_[index].kicked = false;
  if (live_) model_->process(index);
}

void Core::give(unsigned index, const Chain& chain, std::uint32_t written) {
  if (!live_) return;
  queues_[index].queue.give(chain, written);
  queues_[index].to_show = true;
  if (!at_once_) post_show();
}

void Core::post_show() {
  if (std::exchange(show_posted_, true)) return;
  host_.post([this] {
    show_posted_ = false;
    show();
  });
}

void Core::show() {
  for (unsigned i = 0; i < queue_count() && live_; ++i) {
    if (!std::exchange(queues_[i].to_show, false)) continue;
    if (queues_[i].queue.publish()) signals_.used_buffers(i);
    if (!queues_[i].queue.fault().empty()) fail(queues_[i].queue.fault());
  }
}

void Core::configuration_changed() {
  ++generation_;
  if ((status_ & kDriverOk) != 0) signals_.configuration_changed();
}

void Core::fail(std::string_view why) {
  if (!live_) return;
  live_ = false;
  log::guest_error("{}: needs a reset: {}", model_->name(), why);
  status_ |= kDeviceNeedsReset;
  signals_.configuration_changed();
}

State Core::save() const {
  State queues = State::array();
  for (const Queue& queue : queues_) queues.push_back(queue.queue.save());
  return {{"status", status_},      {"generation", generation_}, {"features", chosen_},
          {"live", live_},          {"resetting", stopping_},    {"queues", std::move(queues)},
          {"model", model_->save()}};
}

// What can be refused comes first; the model, which must see the rest in place, is last.
void Core::restore(const State& state) {
  const auto chosen = state.at("features").get<Features>();
  const auto status = state.at("status").get<std::uint8_t>();
  const auto generation = state.at("generation").get<std::uint8_t>();
  const bool live = state.at("live").get<bool>();
  const bool resetting = state.at("resetting").get<bool>();
  const State& saved_queues = state.at("queues");
  if ((chosen & ~offered_) != 0) {
    throw std::runtime_error("the driver chose features that this device does not offer");
  }
  if (saved_queues.size() != queues_.size()) {
    throw std::runtime_error("the number of queues differs");
  }
  std::vector<Queue> queues;
  for (unsigned i = 0; i < queues_.size(); ++i) {
    queues.emplace_back(model_->queue_size(i)).queue.restore(host_, chosen, saved_queues[i]);
  }
  const Driver before{status_, generation_, live_, chosen_};
  // A reset that waited for requests is over: a restored device has none.
  adopt(resetting ? Driver{0, generation, false, 0} : Driver{status, generation, live, chosen});
  queues_.swap(queues);
  try {
    model_->restore(state.at("model"), chosen_);
  } catch (...) {
    adopt(before);
    queues_.swap(queues);
    throw;
  }
  if (resetting) finish_reset();
  for (unsigned i = 0; i < queue_count() && live_; ++i) {
    queues_[i].to_show = queues_[i].queue.live();
    kick(i);
  }
  post_show();
}

void Core::adopt(const Driver& driver) {
  status_ = driver.status;
  generation_ = driver.generation;
  live_ = driver.live;
  chosen_ = driver.chosen;
}

}  // namespace orrery::device::virtio
