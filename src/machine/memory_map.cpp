#include "machine/memory_map.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace orrery::machine {

MemoryMap::MemoryMap(Bytes memory_size, Bytes firmware_size)
    : low_(std::min(memory_size.value(), kDeviceHoleStart.value())),
      high_(memory_size.value() - low_.value()),
      firmware_size_(firmware_size),
      acpi_start_(low_.value() - kAcpiTablesSize) {
  const auto add = [this](GuestPhysical start, GuestPhysical end, RangeKind kind) {
    ranges_.push_back({start, Bytes(end - start), kind});
  };
  add(GuestPhysical(0), kExtendedBiosDataArea, RangeKind::kUsable);
  add(kExtendedBiosDataArea, kLegacyHoleStart, RangeKind::kReserved);
  add(kFirmwareTables, kHighMemory, RangeKind::kReserved);
  add(kHighMemory, acpi_start_, RangeKind::kUsable);
  add(acpi_start_, GuestPhysical(low_.value()), RangeKind::kAcpiTables);
  if (firmware_size_.value() != 0) ranges_.push_back(firmware());
  if (high_.value() != 0) {
    add(kDeviceHoleEnd, kDeviceHoleEnd + high_.value(), RangeKind::kUsable);
  }
}

std::vector<memory::Region> MemoryMap::regions() const {
  std::vector<memory::Region> regions;
  const auto ram = [&](GuestPhysical start, std::uint64_t size) {
    regions.push_back({.start = start, .size = Bytes(size)});
  };
  // A0000h..DFFFFh is device space: display memory and option ROMs.
  ram(GuestPhysical(0), kLegacyHoleStart.value());
  ram(kFirmwareTables, low_.value() - kFirmwareTables.value());
  if (firmware_size_.value() != 0) {
    regions.push_back(
        {.start = firmware().start, .size = firmware_size_, .kind = memory::RegionKind::kRom});
  }
  if (high_.value() != 0) ram(kDeviceHoleEnd, high_.value());
  return regions;
}

GuestPhysical MemoryMap::high_pci_window() const {
  return GuestPhysical(align_up(kDeviceHoleEnd.value() + high_.value(), 1_GiB));
}

}  // namespace orrery::machine
