// A network whose frames are counted. A port around a port.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "port/frames.hpp"
#include "port/traffic.hpp"

namespace orrery::network {

class CountedFrames final : public port::Frames {
 public:
  explicit CountedFrames(std::unique_ptr<port::Frames> frames) : frames_(std::move(frames)) {}

  port::FrameOffloadSupport offload_support() const override { return frames_->offload_support(); }
  void set_receive_offload(port::FrameOffloadSupport accepted) override {
    frames_->set_receive_offload(accepted);
  }
  bool send(const port::Frame& frame) override;
  void set_callbacks(std::function<bool(const port::Frame&)> receive,
                     port::Notify writable) override;
  void resume() override { frames_->resume(); }
  bool link_up() const override { return frames_->link_up(); }

  // Frames that were taken, by the network or by the guest. Any thread.
  port::Traffic traffic() const;

 private:
  // Each is only added to and looked at: nothing else is ordered by it.
  struct Count {
    std::atomic<std::uint64_t> frames{0};
    std::atomic<std::uint64_t> bytes{0};
    void add(const port::Frame& frame);
  };

  Count received_;
  Count sent_;
  std::unique_ptr<port::Frames> frames_;  // calls back into the above until it is gone
};

}  // namespace orrery::network
