// Starting, pausing and ending the vCPU threads of a machine.
//
// vCPU threads go while somebody is in run(), nobody has paused, and the machine has not ended;
// otherwise they stand at the gate, at an instruction boundary.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "machine/ending.hpp"

namespace orrery::machine {

class RunControl {
 public:
  // `stop_vcpus` makes every vCPU return from the guest soon. `clock` starts and stops the
  // machine's clock; it is called when the first thread may go and after the last one stands.
  RunControl(std::function<void()> stop_vcpus, std::function<void(bool)> clock)
      : stop_vcpus_(std::move(stop_vcpus)), clock_(std::move(clock)) {}

  // ---- vCPU threads ----

  // Waits at the gate. WAS_GOING: it returned true to this thread before. False: the thread must
  // return.
  bool wait_at_gate(bool was_going);
  // Whether to go back to the gate; to be looked at after every exit from the guest.
  bool gate_closed() const { return closed_.load(std::memory_order_acquire); }

  // ---- Any thread ----

  // The machine has ended; the first ending counts. Does not wait, so it may be called by a vCPU
  // thread in the middle of an access.
  void end(Ending ending);
  void pause();
  // Does not wait longer than that. False: not all stand, and they go on.
  bool try_pause(std::chrono::milliseconds patience);
  // Does not wait either; to be followed by resume(), and by pause() of who needs to wait.
  void begin_pause();
  void resume();

  // ---- The machine's owner ----

  // ENDED: called by who ends the machine, behind that. Before the first run().
  void on_end(std::function<void()> ended) { ended_ = std::move(ended); }

  // Lets the vCPUs go, and waits until the machine has ended and all stand again.
  Ending run();
  // Makes wait_at_gate() return false everywhere.
  void quit();

 private:
  bool may_go() const { return active_ && pauses_ == 0 && !ending_; }
  void open_or_close();  // with the lock held

  std::function<void()> stop_vcpus_;
  std::function<void(bool)> clock_;
  std::function<void()> ended_;

  std::mutex mutex_;  // guards all below; a leaf: no other lock is taken with it held but clock_'s
  std::condition_variable changed_;
  bool active_ = false;
  bool quit_ = false;
  unsigned pauses_ = 0;
  unsigned going_ = 0;  // threads not at the gate
  std::optional<Ending> ending_;
  // Mirrors !may_go(); written with the lock held. Pairs with the load in gate_closed().
  std::atomic<bool> closed_{true};
};

}  // namespace orrery::machine
