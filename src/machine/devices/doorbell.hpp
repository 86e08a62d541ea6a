// A write of a device that is posted (device::Host::allow_posted_write()) on a hypervisor that has
// doorbells: an eventfd between the hypervisor and the I/O loop.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/types.hpp"
#include "hypervisor/doorbells.hpp"

namespace orrery::machine {

class Doorbell {
 public:
  // RUNG is called on the loop. DOORBELLS and LOOP outlive the doorbell.
  static Result<std::unique_ptr<Doorbell>> create(hypervisor::Doorbells& doorbells, EventLoop& loop,
                                                  std::function<void()> rung);
  ~Doorbell();

  // Where it is on the bus now, if anywhere. One caller at a time.
  void move_to(std::optional<GuestPhysical> address);

 private:
  struct Bell;
  Doorbell(hypervisor::Doorbells& doorbells, EventLoop& loop, std::shared_ptr<Bell> bell)
      : doorbells_(doorbells), loop_(loop), bell_(std::move(bell)) {}

  hypervisor::Doorbells& doorbells_;
  EventLoop& loop_;
  std::shared_ptr<Bell> bell_;
  std::optional<GuestPhysical> address_;
};

}  // namespace orrery::machine
