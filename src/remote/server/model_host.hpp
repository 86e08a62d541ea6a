// device::Host of a device model whose requests come in packets: its memory is what they brought,
// and its transport, with all interrupts, is in the VMM.
#pragma once

#include <cstring>
#include <optional>

#include "remote/server/loop_host.hpp"
#include "remote/server/request_memory.hpp"

namespace orrery::remote {

class ModelHost final : public LoopHost {
 public:
  explicit ModelHost(EventLoop& loop) : LoopHost(loop) {}

  RequestMemory& memory() { return memory_; }

  // The transport's business.
  void set_line(unsigned /*line*/, bool /*asserted*/) override {}
  void request_power(device::PowerRequest /*request*/) override {}

  bool dma_read(GuestPhysical address, MutableByteSpan destination) override {
    const auto bytes = memory_.find(address, destination.size());
    if (bytes) std::memcpy(destination.data(), bytes->data(), bytes->size());
    return bytes.has_value();
  }
  bool dma_write(GuestPhysical address, ByteSpan source) override {
    const auto bytes = memory_.find(address, source.size());
    if (!bytes) return false;
    std::memcpy(bytes->data(), source.data(), source.size());
    memory_.note_filled(address, source.size());
    return true;
  }
  std::optional<device::DmaSpan> dma_map(GuestPhysical address, std::uint64_t size,
                                         device::DmaDirection direction) override {
    const auto bytes = memory_.find(address, size);
    if (!bytes) return std::nullopt;
    return device::DmaSpan{address, *bytes, direction};
  }
  void dma_unmap(const device::DmaSpan& span) override {
    if (span.direction == device::DmaDirection::kToGuest) {
      memory_.note_filled(span.address, span.bytes.size());
    }
  }

 private:
  RequestMemory memory_;
};

}  // namespace orrery::remote
