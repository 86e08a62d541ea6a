// Where RAM lies in the guest-physical address space, and what firmware tells the guest about it.
//
//   0 .. 3 GiB            RAM, as far as there is
//   3 GiB .. 4 GiB        devices: PCI windows, I/O APIC, local APICs, firmware flash
//   4 GiB ..              the rest of the RAM
//   above the RAM         64-bit PCI window
//
// Within the first MiB, A0000h..EFFFFh is reserved as on every PC (display memory, option ROMs),
// and E0000h..FFFFFh holds the ACPI tables' root and firmware tables (memory like any other to us).
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::machine {

inline constexpr GuestPhysical kDeviceHoleStart{3_GiB};
inline constexpr GuestPhysical kDeviceHoleEnd{4_GiB};

// Windows in which PCI functions' base address registers are placed (the host bridge's _CRS).
inline constexpr GuestPhysical kPciWindowStart{0xc000'0000};
inline constexpr GuestPhysical kPciWindowEnd{0xfe00'0000};
inline constexpr std::uint16_t kPciPortStart = 0xc000;
inline constexpr GuestPhysical kIoApicBase{0xfec0'0000};
inline constexpr GuestPhysical kLocalApicBase{0xfee0'0000};

// The first megabyte as firmware leaves it.
inline constexpr GuestPhysical kExtendedBiosDataArea{0x9'fc00};
inline constexpr GuestPhysical kLegacyHoleStart{0xa'0000};
inline constexpr GuestPhysical kFirmwareTables{0xe'0000};  // RSDP and MP tables are searched here
inline constexpr GuestPhysical kMpTables{0xf'0000};        // a multiple of 16 from F0000h on
inline constexpr GuestPhysical kHighMemory{0x10'0000};
// As much flash as lies between the local APICs and 4 GiB.
inline constexpr Bytes kLargestFirmware{16_MiB};

// Values of the e820 interface (ACPI 6.5, 15.1, table 15.374), shared by PVH and multiboot.
enum class RangeKind : std::uint32_t { kUsable = 1, kReserved = 2, kAcpiTables = 3 };

struct Range {
  GuestPhysical start;
  Bytes size;
  RangeKind kind = RangeKind::kUsable;

  friend bool operator==(const Range&, const Range&) = default;
};

class MemoryMap {
 public:
  // MEMORY_SIZE bytes of RAM, and a firmware flash of FIRMWARE_SIZE bytes that ends at 4 GiB; both
  // multiples of the page size.
  explicit MemoryMap(Bytes memory_size, Bytes firmware_size = Bytes(0));

  // What GuestMemory::create() takes.
  std::vector<memory::Region> regions() const;

  // What loaders give to the guest (e820, PVH, multiboot), sorted, without overlaps.
  const std::vector<Range>& ranges() const { return ranges_; }

  // RAM below the device hole and above 4 GiB.
  Bytes low_size() const { return low_; }
  Bytes high_size() const { return high_; }
  // First address behind the RAM below 4 GiB that the guest may use freely: loaders place an initrd
  // below it. The ACPI tables lie above.
  GuestPhysical usable_low_end() const { return acpi_start_; }

  // The firmware flash: where the reset vector lies. Size 0: there is none.
  Range firmware() const {
    return {kDeviceHoleEnd - firmware_size_.value(), firmware_size_, RangeKind::kReserved};
  }

  // Where the ACPI tables (except the RSDP) lie: a range of kind kAcpiTables at the end of low RAM.
  GuestPhysical acpi_tables() const { return acpi_start_; }
  static constexpr std::uint64_t kAcpiTablesSize = 64_KiB;
  // Start of the window for 64-bit PCI base address registers: above all RAM, 1 GiB aligned.
  GuestPhysical high_pci_window() const;

 private:
  Bytes low_;
  Bytes high_;
  Bytes firmware_size_;
  GuestPhysical acpi_start_;
  std::vector<Range> ranges_;
};

}  // namespace orrery::machine
