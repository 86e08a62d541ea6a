// Fuzzes virtio-blk and the virtqueues over a disk that completes when the input says so.
#include "device/virtio/block/block.hpp"
#include "virtio.hpp"

namespace orrery::fuzz {
namespace {

class Disk {
 public:
  std::unique_ptr<virtio::Model> model() {
    return std::make_unique<virtio::Block>(blocks_,
                                           virtio::BlockOptions{.queues = 2, .queue_size = 16});
  }
  void act(Input& input) {
    blocks_.failing = (input.take<std::uint8_t>() & 1) != 0;
    if (!blocks_.waiting.empty()) blocks_.complete_one();
  }
  void settle() { blocks_.complete_all(); }

 private:
  testing::FakeBlocks blocks_{64 << 10};
};

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return orrery::fuzz::run<orrery::fuzz::Disk>(data, size);
}
