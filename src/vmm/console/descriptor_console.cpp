#include "vmm/console/descriptor_console.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace orrery::vmm {

std::size_t DescriptorConsole::write(ByteSpan bytes) {
  const std::lock_guard lock(mutex_);
  if (discard_) return bytes.size();
  const std::size_t room = kOutputCapacity - queued_.size() - in_flight_;
  const std::size_t taken = std::min(room, bytes.size());
  queued_.append(reinterpret_cast<const char*>(bytes.data()), taken);
  guest_waits_ = guest_waits_ || taken < bytes.size();
  if (taken != 0) request_flush();
  return taken;
}

std::size_t DescriptorConsole::read(MutableByteSpan destination) {
  const std::lock_guard lock(mutex_);
  const std::size_t count = std::min(destination.size(), input_queue_.size());
  std::copy_n(input_queue_.begin(), count, destination.begin());
  input_queue_.erase(input_queue_.begin(),
                     input_queue_.begin() + static_cast<std::ptrdiff_t>(count));
  if (input_paused_ && input_queue_.size() <= kInputCapacity / 2) {
    input_paused_ = false;
    loop_.post([this, alive = std::weak_ptr(alive_)] {
      if (alive.lock()) input_consumed();
    });
  }
  return count;
}

void DescriptorConsole::set_callbacks(port::Notify readable, port::Notify writable) {
  readable_ = std::move(readable);
  writable_ = std::move(writable);
}

Result<> DescriptorConsole::attach(int input, int output) {
  if (input >= 0) {
    ORRERY_TRY(input_watch_,
               loop_.watch(input, Readiness::kReadable, [this] { fill_from_outside(); }));
  }
  if (output >= 0) {
    ORRERY_TRY(output_watch_, loop_.watch(output, Readiness::kWritable, [this] { flush(); }));
    output_watch_->pause();
  }
  input_ = input;
  output_ = output;
  const std::lock_guard lock(mutex_);
  discard_ = output < 0;
  return {};
}

void DescriptorConsole::detach() {
  input_watch_.reset();
  output_watch_.reset();
  input_ = output_ = -1;
  sending_.clear();
  bool wake_guest = false;
  {
    const std::lock_guard lock(mutex_);
    discard_ = true;
    queued_.clear();
    in_flight_ = 0;
    flush_requested_ = false;
    input_paused_ = false;
    wake_guest = std::exchange(guest_waits_, false);
  }
  if (wake_guest && writable_) writable_();
}

void DescriptorConsole::request_flush() {
  if (std::exchange(flush_requested_, true)) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) flush();
  });
}

void DescriptorConsole::flush() {
  if (output_ < 0) return;
  const bool all_written = write_some();
  if (output_ < 0) return;  // the other end went away
  if (all_written) {
    output_watch_->pause();
  } else {
    output_watch_->resume();
  }
  bool wake_guest = false;
  {
    const std::lock_guard lock(mutex_);
    if (queued_.size() + in_flight_ <= kOutputCapacity / 2) {
      wake_guest = std::exchange(guest_waits_, false);
    }
  }
  if (wake_guest && writable_) writable_();
}

// Returns true when nothing is left to write.
bool DescriptorConsole::write_some() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (sending_.empty()) sending_ = std::exchange(queued_, {});
      in_flight_ = sending_.size();
      if (sending_.empty()) {
        flush_requested_ = false;
        return true;
      }
    }
    // Descriptors shared with other processes are not ours to make non-blocking; a pipe that polls
    // writable takes PIPE_BUF bytes without waiting.
    pollfd ready{.fd = output_, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, 0) == 0) return false;
    const std::size_t chunk = std::min<std::size_t>(sending_.size(), 4096);
    const ssize_t written = ::write(output_, sending_.data(), chunk);
    if (written >= 0) {
      sending_.erase(0, static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      output_broken();
      detach();
      return true;
    }
  }
}

void DescriptorConsole::fill_from_outside() {
  std::vector<std::byte> bytes(512);
  const ssize_t count = ::read(input_, bytes.data(), bytes.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    input_watch_.reset();
    input_ended();
    return;
  }
  bytes.resize(static_cast<std::size_t>(count));
  filter_input(bytes);
  if (bytes.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    input_queue_.insert(input_queue_.end(), bytes.begin(), bytes.end());
    input_paused_ = input_queue_.size() >= kInputCapacity;
    if (input_paused_ && input_watch_) input_watch_->pause();
  }
  if (readable_) readable_();
}

void DescriptorConsole::input_consumed() {
  if (input_watch_) input_watch_->resume();
}

void DescriptorConsole::drain() {
  while (output_ >= 0 && !write_some()) {
    pollfd ready{.fd = output_, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return;
  }
}

}  // namespace orrery::vmm
