#include "network/counted_frames.hpp"

namespace orrery::network {

void CountedFrames::Count::add(const port::Frame& frame) {
  frames.fetch_add(1, std::memory_order_relaxed);
  bytes.fetch_add(frame.bytes.size(), std::memory_order_relaxed);
}

bool CountedFrames::send(const port::Frame& frame) {
  const bool taken = frames_->send(frame);
  if (taken) sent_.add(frame);
  return taken;
}

void CountedFrames::set_callbacks(std::function<bool(const port::Frame&)> receive,
                                  port::Notify writable) {
  if (!receive) return frames_->set_callbacks({}, std::move(writable));
  frames_->set_callbacks(
      [this, receive = std::move(receive)](const port::Frame& frame) {
        const bool taken = receive(frame);
        if (taken) received_.add(frame);
        return taken;
      },
      std::move(writable));
}

port::Traffic CountedFrames::traffic() const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  return {.in = received_.frames.load(kRelaxed),
          .in_bytes = received_.bytes.load(kRelaxed),
          .out = sent_.frames.load(kRelaxed),
          .out_bytes = sent_.bytes.load(kRelaxed)};
}

}  // namespace orrery::network
