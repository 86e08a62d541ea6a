// Ethernet frames to and from a network. See contract.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/bytes.hpp"
#include "port/contract.hpp"

namespace orrery::port {

// Work that the sender left to the receiver of a frame (the meaning of struct virtio_net_hdr,
// virtio 1.2, 5.1.6).
struct FrameOffload {
  enum class Segmentation : std::uint8_t { kNone = 0, kTcp4 = 1, kUdp = 3, kTcp6 = 4 };

  bool needs_checksum = false;     // fold the checksum from checksum_start to the end
  bool checksum_is_valid = false;  // received frames: already verified
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;  // from checksum_start to the checksum field
  Segmentation segmentation = Segmentation::kNone;
  bool explicit_congestion = false;
  std::uint16_t header_length = 0;
  std::uint16_t segment_size = 0;  // payload bytes per segment

  friend bool operator==(const FrameOffload&, const FrameOffload&) = default;
};

struct Frame {
  ByteSpan bytes;  // destination MAC to end of payload, without FCS; valid during the call only
  FrameOffload offload;
};

struct FrameOffloadSupport {
  bool checksum = false;
  bool tcp4 = false;
  bool tcp6 = false;
};

class Frames {
 public:
  virtual ~Frames() = default;

  // What a sender may leave to this port, and what this port may leave to its receiver once the
  // receiver agreed.
  virtual FrameOffloadSupport offload_support() const = 0;
  virtual void set_receive_offload(FrameOffloadSupport accepted) = 0;

  // Sends a copy of the frame. False: no room now; `writable` is called when there is.
  virtual bool send(const Frame& frame) = 0;

  // `receive` returns false when the receiver has no room: the port keeps the frame (it may drop
  // later ones) and offers it again after resume().
  virtual void set_callbacks(std::function<bool(const Frame&)> receive, Notify writable) = 0;
  virtual void resume() = 0;

  // Whether the cable is plugged in.
  virtual bool link_up() const = 0;
};

}  // namespace orrery::port
