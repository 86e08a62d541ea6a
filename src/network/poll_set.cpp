#include "network/poll_set.hpp"

#include <array>
#include <cerrno>

#include <sys/epoll.h>

namespace orrery::network {

Result<PollSet> PollSet::create() {
  FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno("cannot create an epoll descriptor");
  return PollSet(std::move(epoll));
}

int PollSet::add(int descriptor, std::uint32_t events) {
  wanted_.push_back({descriptor, events});
  return static_cast<int>(wanted_.size() - 1);
}

void PollSet::end() {
  std::unordered_map<int, std::uint32_t> wanted;
  for (const Entry& entry : wanted_) wanted[entry.descriptor] |= entry.events;
  for (const auto& [descriptor, events] : registered_) {
    if (!wanted.contains(descriptor)) {
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
    }
  }
  for (const auto& [descriptor, events] : wanted) {
    const auto known = registered_.find(descriptor);
    if (known != registered_.end() && known->second == events) continue;
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0 && errno == EEXIST) {
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event);
    }
  }
  registered_ = std::move(wanted);
}

void PollSet::forget(int descriptor) {
  if (registered_.erase(descriptor) != 0) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  }
  ready_.erase(descriptor);
}

void PollSet::poll() {
  ready_.clear();
  std::array<epoll_event, 64> events{};  // what is not among these is ready next time
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    ready_[event.data.fd] = event.events;
  }
}

std::uint32_t PollSet::ready_events(int index) const {
  const auto position = static_cast<std::size_t>(index);
  if (index < 0 || position >= wanted_.size()) return 0;
  const auto found = ready_.find(wanted_[position].descriptor);
  return found == ready_.end() ? 0 : found->second;
}

}  // namespace orrery::network
