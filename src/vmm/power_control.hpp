// How a VM is ended from outside: first politely by the ACPI power button, then by force.
#pragma once

#include <atomic>
#include <memory>

#include "base/loop/event_loop.hpp"
#include "machine/machine.hpp"

namespace orrery::vmm {

class PowerControl {
 public:
  // Both outlive it. Everything but quit_by_user() is for the loop's thread.
  PowerControl(EventLoop& loop, machine::Machine& machine);

  // The first time presses the power button, and gives the guest ten seconds; the second time ends
  // the machine at once.
  void asked_to_end();

  // Ends the machine at once because the user typed the key for it.
  void quit();

  // Any thread, after the machine has ended.
  bool quit_by_user() const { return quit_; }

 private:
  machine::Machine& machine_;
  std::unique_ptr<LoopTimer> patience_;
  bool asked_ = false;
  std::atomic<bool> quit_ = false;  // ordered by the end of Machine::run()
};

}  // namespace orrery::vmm
