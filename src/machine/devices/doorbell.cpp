#include "machine/devices/doorbell.hpp"

#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/log.hpp"

namespace orrery::machine {

// Lives until the loop has let go of it, which may be after the doorbell.
struct Doorbell::Bell {
  FileDescriptor descriptor;
  std::unique_ptr<Watch> watch;  // the loop's
  std::mutex mutex;              // guards rung; taken before a device's lock
  std::function<void()> rung;    // empty once the doorbell is gone

  void serve() {
    std::uint64_t count = 0;
    if (::read(descriptor.get(), &count, sizeof count) < 0) return;
    const std::lock_guard lock(mutex);
    if (rung) rung();
  }
};

Result<std::unique_ptr<Doorbell>> Doorbell::create(hypervisor::Doorbells& doorbells,
                                                   EventLoop& loop, std::function<void()> rung) {
  auto bell = std::make_shared<Bell>();
  bell->descriptor = FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!bell->descriptor) return fail_errno("cannot create an event for a doorbell");
  bell->rung = std::move(rung);
  loop.post([bell, &loop] {  // watches are made on the loop
    auto watch =
        loop.watch(bell->descriptor.get(), Readiness::kReadable, [weak = std::weak_ptr(bell)] {
          if (const auto alive = weak.lock()) alive->serve();
        });
    if (watch) {
      bell->watch = std::move(*watch);
    } else {
      log::error("a doorbell does not ring: {}", watch.error().message());
    }
  });
  return std::unique_ptr<Doorbell>(new Doorbell(doorbells, loop, std::move(bell)));
}

Doorbell::~Doorbell() {
  move_to(std::nullopt);
  {
    const std::lock_guard lock(bell_->mutex);
    bell_->rung = nullptr;
  }
  loop_.post([bell = std::move(bell_)] { bell->watch.reset(); });
}

void Doorbell::move_to(std::optional<GuestPhysical> address) {
  if (address == address_) return;
  if (address_) {
    const Result<> gone = doorbells_.disconnect(*address_, bell_->descriptor.get());
    if (!gone) log::guest_error("{}", gone.error().message());
  }
  address_ = address;
  if (!address_) return;
  const Result<> connected = doorbells_.connect(*address_, bell_->descriptor.get());
  if (connected) return;
  // The guest has put two devices to one place, say. Writes go the ordinary way.
  log::guest_error("{}", connected.error().message());
  address_.reset();
}

}  // namespace orrery::machine
