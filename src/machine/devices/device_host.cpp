#include "machine/devices/device_host.hpp"

#include <utility>

#include "base/bits.hpp"

namespace orrery::machine {

void DeviceHost::set_line(unsigned line, bool asserted) {
  if (line >= 64 || bit(levels_, line) == asserted) return;
  levels_ ^= std::uint64_t{1} << line;
  if (line_sink_) line_sink_(line, asserted);
}

bool DeviceHost::dma_read(GuestPhysical address, MutableByteSpan destination) {
  return services_.memory.read(address, destination);
}

bool DeviceHost::dma_write(GuestPhysical address, ByteSpan source) {
  return services_.memory.write(address, source);
}

std::optional<device::DmaSpan> DeviceHost::dma_map(GuestPhysical address, std::uint64_t size,
                                                   device::DmaDirection direction) {
  const auto bytes = services_.memory.host_span(address, size);
  if (!bytes) return std::nullopt;
  return device::DmaSpan{address, *bytes, direction};
}

void DeviceHost::dma_unmap(const device::DmaSpan& span) {
  if (span.direction != device::DmaDirection::kToGuest) return;
  services_.memory.mark_written(span.address, span.bytes.size());
}

void DeviceHost::post(std::function<void()> work) {
  services_.loop.post([this, alive = std::weak_ptr(alive_), work = std::move(work)] {
    if (alive.expired()) return;
    const std::lock_guard lock(lock_);
    work();
  });
}

}  // namespace orrery::machine
