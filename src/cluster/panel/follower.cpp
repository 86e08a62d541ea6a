#include "cluster/panel/follower.hpp"

#include <chrono>
#include <utility>

#include "base/log.hpp"

namespace orrery::cluster {
namespace {

// How late an agent at another panel hears of what a user wants: half of it, mostly. A look is one
// short request.
constexpr std::chrono::milliseconds kLookEvery{100};

}  // namespace

Follower::Follower(const PanelSurroundings& surroundings, Tell tell)
    : surroundings_(surroundings),
      tell_(std::move(tell)),
      timer_(surroundings.loop.create_timer([this] { look(); })) {}

Follower::~Follower() = default;

void Follower::start() {
  if (surroundings_.registry.database().shared()) look();
}

void Follower::stop() {
  timer_->cancel();
  alive_.reset();
}

// The next look is after this one's answer, however long that takes.
void Follower::look() {
  surroundings_.workers.post(
      [this, surroundings = surroundings_, since = seen_, weak = std::weak_ptr(alive_)] {
        const Outcome<Changes> changes = changes_since(surroundings.registry, since);
        surroundings.loop.post([this, changes, weak] {
          if (weak.lock()) take(changes);
        });
      });
}

void Follower::take(const Outcome<Changes>& changes) {
  timer_->arm(std::chrono::steady_clock::now() + kLookEvery);
  const bool failed_before = std::exchange(failed_, !changes);
  if (!changes) {
    if (!failed_before) log::warning("what others commit: {}", changes.error().message);
    return;
  }
  if (std::exchange(seen_, changes->last) != changes->last) tell_(changes->platforms);
}

}  // namespace orrery::cluster
