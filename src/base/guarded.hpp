// A lock that owns its data: the only way to the value is through a guard that holds the lock.
//
//   Guarded<std::deque<Packet>> queue;
//   queue.lock()->push_back(packet);
#pragma once

#include <mutex>
#include <utility>

namespace orrery {

template <typename T, typename Mutex = std::mutex>
class Guarded {
 public:
  class Guard {
   public:
    Guard(Mutex& mutex, T& value) : lock_(mutex), value_(&value) {}

    T* operator->() { return value_; }
    T& operator*() { return *value_; }

    // For std::condition_variable::wait.
    std::unique_lock<Mutex>& native() { return lock_; }

   private:
    std::unique_lock<Mutex> lock_;
    T* value_;
  };

  template <typename... Arguments>
  explicit Guarded(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {}

  Guard lock() { return Guard(mutex_, value_); }

 private:
  Mutex mutex_;
  T value_;
};

}  // namespace orrery
