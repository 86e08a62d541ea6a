#include "base/loop/event_loop.hpp"

#include <atomic>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <fcntl.h>

#include "base/files/file_descriptor.hpp"
#include "base/loop/timer_queue.hpp"

namespace orrery {
namespace {

namespace asio = boost::asio;

// What a watch shares with its wait in progress, which may outlive it by one turn of the loop.
class Subscription : public std::enable_shared_from_this<Subscription> {
 public:
  Subscription(asio::io_context& context, int descriptor, Readiness readiness,
               std::function<void()> ready)
      : context_(context),
        descriptor_(context),
        number_(descriptor),
        wait_type_(readiness == Readiness::kReadable ? asio::posix::descriptor_base::wait_read
                                                     : asio::posix::descriptor_base::wait_write),
        ready_(std::move(ready)) {}

  Result<> open() {
    boost::system::error_code error;
    descriptor_.assign(number_, error);
    if (error.value() == EEXIST) {
      // The other direction of the same descriptor is watched already.
      copy_ = FileDescriptor(::fcntl(number_, F_DUPFD_CLOEXEC, 3));
      descriptor_.assign(copy_.get(), error);
    }
    if (error) return fail_errno("cannot wait for a file descriptor", error.value());
    return {};
  }

  void resume() {
    active_ = true;
    wait();
  }

  void pause() { active_ = false; }

  void close() {
    active_ = false;
    ready_ = nullptr;
    if (descriptor_.is_open()) descriptor_.release();
    copy_.reset();
  }

 private:
  void wait() {
    if (waiting_ || !active_) return;
    waiting_ = true;
    if (always_ready_) {
      asio::post(context_, [self = shared_from_this()] { self->served({}); });
    } else {
      descriptor_.async_wait(wait_type_, [self = shared_from_this()](boost::system::error_code e) {
        self->served(e);
      });
    }
  }

  void served(boost::system::error_code error) {
    waiting_ = false;
    // epoll refuses regular files and some devices, which never make a reader wait.
    if (error == asio::error::operation_not_supported || error.value() == EPERM) {
      always_ready_ = true;
    } else if (error) {
      return;
    } else if (active_) {
      const std::function<void()> ready = ready_;  // the callback may destroy the watch
      ready();
    }
    wait();
  }

  asio::io_context& context_;
  asio::posix::stream_descriptor descriptor_;
  const int number_;
  FileDescriptor copy_;
  const asio::posix::descriptor_base::wait_type wait_type_;
  std::function<void()> ready_;
  bool active_ = false;
  bool waiting_ = false;
  bool always_ready_ = false;
};

class SubscribedWatch final : public Watch {
 public:
  explicit SubscribedWatch(std::shared_ptr<Subscription> subscription)
      : subscription_(std::move(subscription)) {}
  ~SubscribedWatch() override { subscription_->close(); }
  void pause() override { subscription_->pause(); }
  void resume() override { subscription_->resume(); }

 private:
  const std::shared_ptr<Subscription> subscription_;
};

}  // namespace

struct EventLoop::Implementation {
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
  std::unique_ptr<TimerQueue> timers;
  std::unique_ptr<Watch> timer_watch;
  // Relaxed: a thread only ever asks whether it is itself the one that wrote.
  std::atomic<std::thread::id> thread{};
};

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  auto implementation = std::make_unique<Implementation>();
  ORRERY_TRY(implementation->timers, TimerQueue::create());
  std::unique_ptr<EventLoop> loop(new EventLoop(std::move(implementation)));
  TimerQueue& timers = *loop->implementation_->timers;
  ORRERY_TRY(
      loop->implementation_->timer_watch,
      loop->watch(timers.descriptor(), Readiness::kReadable, [&timers] { timers.expire(); }));
  return loop;
}

EventLoop::EventLoop(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
  // (Work that waits for its own end runs the loop within the loop.)
  const std::thread::id outer =
      implementation_->thread.exchange(std::this_thread::get_id(), std::memory_order_relaxed);
  implementation_->context.run();
  implementation_->context.restart();  // not before: a stop() may have come already
  implementation_->thread.store(outer, std::memory_order_relaxed);
}

void EventLoop::stop() {
  implementation_->context.stop();
}

std::size_t EventLoop::poll() {
  implementation_->thread.store(std::this_thread::get_id(), std::memory_order_relaxed);
  const std::size_t served = implementation_->context.poll();
  implementation_->context.restart();
  implementation_->thread.store({}, std::memory_order_relaxed);
  return served;
}

void EventLoop::post(std::function<void()> work) {
  asio::post(implementation_->context, std::move(work));
}

bool EventLoop::on_loop_thread() const {
  return implementation_->thread.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

std::unique_ptr<LoopTimer> EventLoop::create_timer(std::function<void()> ring) {
  return implementation_->timers->create_timer(std::move(ring));
}

Result<std::unique_ptr<Watch>> EventLoop::watch(int descriptor, Readiness readiness,
                                                std::function<void()> ready) {
  auto subscription = std::make_shared<Subscription>(implementation_->context, descriptor,
                                                     readiness, std::move(ready));
  ORRERY_CHECK(subscription->open());
  subscription->resume();
  return std::make_unique<SubscribedWatch>(std::move(subscription));
}

asio::io_context& EventLoop::context() {
  return implementation_->context;
}

}  // namespace orrery
