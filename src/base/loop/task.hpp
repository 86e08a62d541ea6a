// Coroutines that answer later: `Task<Result<>> f() { co_await g(); ... }`.
//
// A task starts when it is awaited and belongs to the one that awaits it, so destroying the
// outermost task destroys all that it waits for; what would have resumed it has to be gone by then.
// All of one task runs on one thread, the loop's. No task throws.
#pragma once

#include <coroutine>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace orrery {

template <typename T>
class [[nodiscard]] Task {
 public:
  struct promise_type {
    std::coroutine_handle<> awaiting;
    // Completed while its awaiter was still starting it: the awaiter goes on by itself. So a loop
    // over tasks that need no waiting does not grow the stack, optimized or not.
    bool starting = false;
    std::optional<T> value;
    std::function<void()> finished;  // of an outermost task

    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        promise_type& promise = self.promise();
        if (promise.starting) return std::noop_coroutine();
        if (promise.awaiting) return promise.awaiting;
        if (promise.finished) {
          // The callback may destroy the coroutine, and with it this very function object.
          const std::function<void()> call = std::move(promise.finished);
          call();
        }
        return std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { std::terminate(); }
    void return_value(T result) { value.emplace(std::move(result)); }
  };

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // For the outermost task: runs it up to its first wait. `finished` is called when it is done,
  // perhaps before this returns, and may destroy the task unless it is still in start().
  void start(std::function<void()> finished) {
    handle_.promise().finished = std::move(finished);
    handle_.resume();
  }
  bool done() const { return handle_.done(); }
  T& value() { return *handle_.promise().value; }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    promise_type& promise = handle_.promise();
    promise.starting = true;
    handle_.resume();
    if (handle_.done()) return false;
    promise.starting = false;
    promise.awaiting = awaiting;
    return true;
  }
  T await_resume() { return std::move(*handle_.promise().value); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// Tasks that wait until somebody says that something changed; they look again themselves.
class Changed {
 public:
  auto operator co_await() {
    struct Awaiter {
      Changed& changed;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> handle) { changed.waiting_.push_back(handle); }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

  // For the end: who waits is not resumed any more.
  void abandon() { waiting_.clear(); }

  void notify_all() {
    // Who waits again while this runs, waits for the next time.
    std::deque<std::coroutine_handle<>> resumed;
    resumed.swap(waiting_);
    for (const std::coroutine_handle<> handle : resumed) handle.resume();
  }

 private:
  std::deque<std::coroutine_handle<>> waiting_;
};

// Runs all at the same time, and is done when the last one is; the first error in their order.
inline Task<Result<>> all_of(std::vector<Task<Result<>>> tasks) {
  Changed one_done;
  std::size_t left = tasks.size();
  for (Task<Result<>>& task : tasks) {
    task.start([&] {
      if (--left == 0) one_done.notify_all();
    });
  }
  if (left != 0) co_await one_done;
  for (Task<Result<>>& task : tasks) {
    if (!task.value()) co_return task.value();
  }
  co_return Result<>{};
}

// One task at a time, in the order of asking.
class TaskMutex {
 public:
  class [[nodiscard]] Lock {
   public:
    explicit Lock(TaskMutex& mutex) : mutex_(&mutex) {}
    Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (mutex_ != nullptr) mutex_->unlock();
    }

   private:
    TaskMutex* mutex_;
  };

  auto lock() {
    struct Awaiter {
      TaskMutex& mutex;
      bool await_ready() const noexcept { return !mutex.locked_; }
      void await_suspend(std::coroutine_handle<> handle) { mutex.waiting_.push_back(handle); }
      Lock await_resume() const noexcept {
        mutex.locked_ = true;
        return Lock(mutex);
      }
    };
    return Awaiter{*this};
  }

  // For the end: who waits is not resumed any more.
  void abandon() { waiting_.clear(); }

 private:
  void unlock() {
    if (waiting_.empty()) {
      locked_ = false;
      return;
    }
    // Stays locked: it passes to the one that waited longest.
    const std::coroutine_handle<> next = waiting_.front();
    waiting_.pop_front();
    next.resume();
  }

  bool locked_ = false;
  std::deque<std::coroutine_handle<>> waiting_;
};

}  // namespace orrery
