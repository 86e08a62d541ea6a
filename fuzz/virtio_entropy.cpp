// Fuzzes virtio-rng, the virtqueues and the PCI transport.
#include "device/virtio/entropy/entropy.hpp"
#include "virtio.hpp"

namespace orrery::fuzz {
namespace {

class Source {
 public:
  std::unique_ptr<virtio::Model> model() { return std::make_unique<virtio::Entropy>(entropy_); }
  void act(Input& /*input*/) {}
  void settle() {}

 private:
  testing::FakeEntropy entropy_;
};

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return orrery::fuzz::run<orrery::fuzz::Source>(data, size);
}
