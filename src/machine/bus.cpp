#include "machine/bus.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bits.hpp"

namespace orrery::machine {
namespace {

constexpr Width half(Width width) {
  return static_cast<Width>(bytes_of(width) / 2);
}

}  // namespace

void Bus::add(const BusRegion& region) {
  auto& regions = regions_[static_cast<unsigned>(region.space)];
  const auto place = std::ranges::upper_bound(regions, region.base, {}, &BusRegion::base);
  ORRERY_ASSERT(place == regions.end() || region.base + region.size <= place->base);
  ORRERY_ASSERT(place == regions.begin() || (place - 1)->base + (place - 1)->size <= region.base);
  regions.insert(place, region);
}

void Bus::replace(const device::Device* before, device::Device& after) {
  for (auto& regions : regions_) {
    for (BusRegion& region : regions) {
      if (region.device == before) region.device = &after;
    }
  }
}

std::optional<Bus::Target> Bus::find(Space space, std::uint64_t address) const {
  const auto& regions = regions_[static_cast<unsigned>(space)];
  const auto after = std::ranges::upper_bound(regions, address, {}, &BusRegion::base);
  if (after != regions.begin()) {
    const BusRegion& region = *(after - 1);
    const std::uint64_t offset = address - region.base;
    if (offset < region.size) {
      return Target{region.device, region.lock,          region.region,
                    offset,        region.size - offset, region.widest};
    }
  }
  return find_pci(space, address);
}

std::optional<Bus::Target> Bus::find_pci(Space space, std::uint64_t address) const {
  const auto located = space == Space::kPorts ? root_.find_port(static_cast<std::uint16_t>(address))
                                              : root_.find_memory(GuestPhysical(address));
  if (!located) return std::nullopt;
  const std::uint64_t size = located->function->bars()[located->region].size;
  return Target{located->function,      &located->function->host().device_lock(),
                located->region,        located->offset,
                size - located->offset, space == Space::kPorts ? Width::k32 : Width::k64};
}

bool Bus::takes(const Target& target, std::uint64_t address, Width width) {
  return width <= target.widest && is_aligned(address, bytes_of(width)) &&
         bytes_of(width) <= target.left;
}

std::uint64_t Bus::read(Space space, std::uint64_t address, Width width) const {
  const auto target = find(space, address);
  if (target && takes(*target, address, width)) {
    const std::lock_guard lock(*target->lock);
    return target->device->read(target->region, target->offset, width) & mask_of(width);
  }
  if (width == Width::k8) return mask_of(width);
  // The lower half first, as it is on the bus: reading a register may change the next one.
  const Width part = half(width);
  const std::uint64_t low = read(space, address, part);
  return low | read(space, address + bytes_of(part), part) << bits_of(part);
}

void Bus::write(Space space, std::uint64_t address, Width width, std::uint64_t value) const {
  const auto target = find(space, address);
  if (target && takes(*target, address, width)) {
    const std::lock_guard lock(*target->lock);
    target->device->write(target->region, target->offset, width, value & mask_of(width));
    return;
  }
  if (width == Width::k8) return;
  const Width part = half(width);
  write(space, address, part, value);
  write(space, address + bytes_of(part), part, value >> bits_of(part));
}

}  // namespace orrery::machine
