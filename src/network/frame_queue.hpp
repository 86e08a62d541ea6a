// Frames that wait to be sent, from whichever thread the device runs on to the event loop's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "port/frames.hpp"

namespace orrery::network {

struct QueuedFrame {
  std::vector<std::byte> bytes;
  port::FrameOffload offload;

  port::Frame view() const { return {bytes, offload}; }
};

// Bounded; what push() answers follows port::Frames::send().
class FrameQueue {
 public:
  // A TCP window of 64 KiB segments fits several times.
  static constexpr std::size_t kCapacity = 256;

  enum class Pushed : std::uint8_t { kFirst, kQueued, kFull };

  Pushed push(const port::Frame& frame) {
    const std::lock_guard lock(mutex_);
    if (frames_.size() >= kCapacity) {
      sender_waits_ = true;
      return Pushed::kFull;
    }
    frames_.push_back({{frame.bytes.begin(), frame.bytes.end()}, frame.offload});
    return frames_.size() == 1 ? Pushed::kFirst : Pushed::kQueued;
  }

  // All frames, and whether a sender was refused since the last call.
  struct Taken {
    std::vector<QueuedFrame> frames;
    bool sender_waits = false;
  };
  Taken take() {
    const std::lock_guard lock(mutex_);
    Taken taken;
    taken.frames.swap(frames_);
    taken.sender_waits = sender_waits_;
    sender_waits_ = false;
    return taken;
  }

 private:
  std::mutex mutex_;
  std::vector<QueuedFrame> frames_;  // guarded by mutex_
  bool sender_waits_ = false;        // guarded by mutex_
};

}  // namespace orrery::network
