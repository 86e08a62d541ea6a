#include "device/virtio/entropy/entropy.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace orrery::device::virtio {
namespace {

// How much one request is given at most; the rest of its buffer stays as it is (5.4.6.2 allows
// any amount above zero). Bounds the time of one request, and is far above what drivers ask for.
constexpr std::uint64_t kMostBytes = 4096;

}  // namespace

void Entropy::process(unsigned queue) {
  core_->drain(queue, [this](Virtqueue& from) { return take(from); });
}

Taken Entropy::take(Virtqueue& queue) {
  const Taken taken = queue.take(chain_);
  if (taken != Taken::kChain) return taken;
  std::array<std::byte, kMostBytes> bytes;
  const auto part = std::span(bytes).first(std::min(kMostBytes, chain_.writable_bytes));
  port_.fill(part);
  if (chain_.readable_bytes != 0 || part.empty()) {
    core_->fail("a request for entropy must be one writable buffer (5.4.6)");
  } else if (!ChainWriter(core_->host(), chain_).write(part)) {
    core_->fail("a buffer for entropy is not in RAM");
  } else {
    core_->give(0, chain_, static_cast<std::uint32_t>(part.size()));
  }
  return Taken::kChain;
}

}  // namespace orrery::device::virtio
