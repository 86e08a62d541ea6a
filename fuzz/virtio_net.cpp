// Fuzzes virtio-net and the virtqueues, with frames of the input's choice.
#include "device/virtio/net/network.hpp"
#include "virtio.hpp"

namespace orrery::fuzz {
namespace {

class Wire {
 public:
  Wire() { frames_.support = {.checksum = true, .tcp4 = true, .tcp6 = true}; }

  std::unique_ptr<virtio::Model> model() {
    return std::make_unique<virtio::Network>(
        frames_, virtio::NetworkOptions{.mac = {2, 0, 0, 0, 0, 1}, .pairs = 2, .queue_size = 16});
  }
  void act(Input& input) {
    const auto what = input.take<std::uint8_t>();
    if (what < 64) {
      frames_.make_room(what);
      return;
    }
    port::FrameOffload offload;
    if (what >= 128) {
      offload.needs_checksum = true;
      offload.segmentation = static_cast<port::FrameOffload::Segmentation>(what & 7);
      offload.segment_size = input.take<std::uint16_t>();
    }
    frames_.deliver(std::as_bytes(input.take_bytes(input.take<std::uint8_t>())), offload);
  }
  void settle() { frames_.make_room(SIZE_MAX); }

 private:
  testing::FakeFrames frames_;
};

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return orrery::fuzz::run<orrery::fuzz::Wire>(data, size);
}
