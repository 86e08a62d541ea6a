#include "machine/acpi/tables.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "device/power/registers.hpp"
#include "device/rtc_cmos/registers.hpp"
#include "machine/acpi/dsdt.hpp"
#include "machine/firmware_checksum.hpp"
#include "machine/ports.hpp"

namespace orrery::machine::acpi {
namespace {

// ---- 5.2.6: the header of every table ----

struct [[gnu::packed]] Header {
  char signature[4] = {};
  std::uint32_t length = 0;
  std::uint8_t revision = 0;
  std::uint8_t checksum = 0;
  char oem_id[6] = {'O', 'R', 'R', 'E', 'R', 'Y'};
  char oem_table_id[8] = {'O', 'R', 'R', 'E', 'R', 'Y', 'P', 'C'};
  std::uint32_t oem_revision = 1;
  char creator_id[4] = {'O', 'R', 'R', 'Y'};
  std::uint32_t creator_revision = 1;
};
static_assert(sizeof(Header) == 36);

// ---- 5.2.3.2: Generic Address Structure, here always a port range ----

struct [[gnu::packed]] PortRange {
  std::uint8_t space = 1;
  std::uint8_t bits = 0;
  std::uint8_t offset = 0;
  std::uint8_t access = 0;
  std::uint64_t address = 0;
};
static_assert(sizeof(PortRange) == 12);

struct [[gnu::packed]] Rsdp {  // 5.2.5.3
  char signature[8] = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};
  std::uint8_t checksum = 0;  // of the first 20 bytes
  char oem_id[6] = {'O', 'R', 'R', 'E', 'R', 'Y'};
  std::uint8_t revision = 2;
  std::uint32_t rsdt = 0;
  std::uint32_t length = 36;
  std::uint64_t xsdt = 0;
  std::uint8_t extended_checksum = 0;
  std::uint8_t reserved[3] = {};
};
static_assert(sizeof(Rsdp) == 36);

struct [[gnu::packed]] Facs {  // 5.2.10
  char signature[4] = {'F', 'A', 'C', 'S'};
  std::uint32_t length = 64;
  std::uint8_t fields[24] = {};
  std::uint8_t version = 2;
  std::uint8_t reserved[31] = {};
};
static_assert(sizeof(Facs) == 64);

struct [[gnu::packed]] Fadt {  // 5.2.9, without its header
  std::uint32_t facs = 0;
  std::uint32_t dsdt = 0;
  std::uint8_t reserved = 0;
  std::uint8_t preferred_profile = 0;
  std::uint16_t sci_interrupt = kSciIrq;
  std::uint32_t smi_command = 0;  // always in ACPI mode
  std::uint8_t acpi_enable = 0;
  std::uint8_t acpi_disable = 0;
  std::uint8_t s4bios_request = 0;
  std::uint8_t pstate_control = 0;
  std::uint32_t pm1a_event = 0;
  std::uint32_t pm1b_event = 0;
  std::uint32_t pm1a_control = 0;
  std::uint32_t pm1b_control = 0;
  std::uint32_t pm2_control = 0;
  std::uint32_t pm_timer = 0;
  std::uint32_t gpe0 = 0;
  std::uint32_t gpe1 = 0;
  std::uint8_t pm1_event_length = 0;
  std::uint8_t pm1_control_length = 0;
  std::uint8_t pm2_control_length = 0;
  std::uint8_t pm_timer_length = 0;
  std::uint8_t gpe0_length = 0;
  std::uint8_t gpe1_length = 0;
  std::uint8_t gpe1_base = 0;
  std::uint8_t cst_control = 0;
  std::uint16_t c2_latency = 0xfff;  // over 100: no C2
  std::uint16_t c3_latency = 0xfff;  // over 1000: no C3
  std::uint16_t flush_size = 0;
  std::uint16_t flush_stride = 0;
  std::uint8_t duty_offset = 0;
  std::uint8_t duty_width = 0;
  std::uint8_t day_alarm = 0;
  std::uint8_t month_alarm = 0;
  std::uint8_t century = device::rtc_cmos::kCentury;
  std::uint16_t boot_architecture = 0;
  std::uint8_t reserved2 = 0;
  std::uint32_t flags = 0;
  PortRange reset_register;
  std::uint8_t reset_value = kResetValue;
  std::uint16_t arm_boot = 0;
  std::uint8_t minor_version = 5;
  std::uint64_t x_facs = 0;
  std::uint64_t x_dsdt = 0;
  PortRange x_pm1a_event;
  PortRange x_pm1b_event;
  PortRange x_pm1a_control;
  PortRange x_pm1b_control;
  PortRange x_pm2_control;
  PortRange x_pm_timer;
  PortRange x_gpe0;
  PortRange x_gpe1;
  PortRange sleep_control;
  PortRange sleep_status;
  std::uint64_t hypervisor_vendor = 0;
};
static_assert(sizeof(Header) + sizeof(Fadt) == 276);

namespace fadt_flags {  // table 5.10
constexpr std::uint32_t kWbinvd = 1u << 0;
constexpr std::uint32_t kC1 = 1u << 2;
constexpr std::uint32_t kNoFixedSleepButton = 1u << 5;
constexpr std::uint32_t kNoFixedRtc = 1u << 6;
constexpr std::uint32_t kTimer32Bits = 1u << 8;
constexpr std::uint32_t kResetRegister = 1u << 10;
}  // namespace fadt_flags

namespace boot_architecture {  // table 5.11
constexpr std::uint16_t kLegacyDevices = 1u << 0;
constexpr std::uint16_t k8042 = 1u << 1;
constexpr std::uint16_t kNoVga = 1u << 2;
}  // namespace boot_architecture

// ---- 5.2.12: MADT entries ----

struct [[gnu::packed]] Madt {
  std::uint32_t local_apic = static_cast<std::uint32_t>(kLocalApicBase.value());
  std::uint32_t flags = 1;  // PCAT_COMPAT: there are 8259s too
};
struct [[gnu::packed]] MadtLocalApic {
  std::uint8_t type = 0;
  std::uint8_t length = 8;
  std::uint8_t uid = 0;
  std::uint8_t apic_id = 0;
  std::uint32_t flags = 1;  // enabled
};
struct [[gnu::packed]] MadtIoApic {
  std::uint8_t type = 1;
  std::uint8_t length = 12;
  std::uint8_t id = 0;
  std::uint8_t reserved = 0;
  std::uint32_t address = static_cast<std::uint32_t>(kIoApicBase.value());
  std::uint32_t first_interrupt = 0;
};
struct [[gnu::packed]] MadtOverride {
  std::uint8_t type = 2;
  std::uint8_t length = 10;
  std::uint8_t bus = 0;
  std::uint8_t source = 0;
  std::uint32_t interrupt = 0;
  std::uint16_t flags = 0;
};
struct [[gnu::packed]] MadtLocalNmi {
  std::uint8_t type = 4;
  std::uint8_t length = 6;
  std::uint8_t uid = 0xff;  // all processors
  std::uint16_t flags = 0;
  std::uint8_t lint = 1;
};
constexpr std::uint16_t kActiveHighLevel = 0x000d;

Code table(std::string_view signature, std::uint8_t revision, const Code& body) {
  Header header;
  std::ranges::copy(signature, header.signature);
  header.length = static_cast<std::uint32_t>(sizeof header + body.size());
  header.revision = revision;
  ByteWriter writer;
  writer.write(header);
  writer.write_bytes(body);
  Code code = writer.take();
  make_checksum(code.data(), code.size(), code[offsetof(Header, checksum)]);
  return code;
}

Code fadt(GuestPhysical facs, GuestPhysical dsdt_address) {
  using device::power::kBlocks;
  const auto port = [](unsigned region) {
    return static_cast<std::uint16_t>(kPowerManagementBase + kBlocks[region].offset);
  };
  const auto range = [&](unsigned region, std::uint8_t access) {
    return PortRange{.bits = static_cast<std::uint8_t>(kBlocks[region].size * 8),
                     .access = access,
                     .address = port(region)};
  };
  using namespace device::power;
  enum : std::uint8_t { kByteAccess = 1, kWordAccess = 2, kDoubleWordAccess = 3 };
  Fadt f;
  f.facs = static_cast<std::uint32_t>(facs.value());
  f.dsdt = static_cast<std::uint32_t>(dsdt_address.value());
  f.x_dsdt = dsdt_address.value();
  f.pm1a_event = port(kEvent);
  f.pm1a_control = port(kControl);
  f.pm_timer = port(kTimer);
  f.gpe0 = port(kGeneral);
  f.pm1_event_length = kBlocks[kEvent].size;
  f.pm1_control_length = kBlocks[kControl].size;
  f.pm_timer_length = kBlocks[kTimer].size;
  f.gpe0_length = kBlocks[kGeneral].size;
  f.boot_architecture =
      boot_architecture::kLegacyDevices | boot_architecture::k8042 | boot_architecture::kNoVga;
  f.flags = fadt_flags::kWbinvd | fadt_flags::kC1 | fadt_flags::kNoFixedSleepButton |
            fadt_flags::kNoFixedRtc | fadt_flags::kTimer32Bits | fadt_flags::kResetRegister;
  f.reset_register = {.bits = 8, .access = kByteAccess, .address = kResetPort};
  f.x_pm1a_event = range(kEvent, kWordAccess);
  f.x_pm1a_control = range(kControl, kWordAccess);
  f.x_pm_timer = range(kTimer, kDoubleWordAccess);
  f.x_gpe0 = range(kGeneral, kByteAccess);
  ByteWriter writer;
  writer.write(f);
  return table("FACP", 6, writer.take());
}

Code madt(const Description& description) {
  ByteWriter writer;
  writer.write(Madt{});
  for (unsigned i = 0; i < description.vcpus; ++i) {
    const auto id = static_cast<std::uint8_t>(i);
    writer.write(MadtLocalApic{.uid = id, .apic_id = id});
  }
  writer.write(MadtIoApic{});
  writer.write(MadtOverride{.source = kTimerIrq, .interrupt = 2});
  std::vector<std::uint8_t> level{kSciIrq};
  for (const std::uint8_t irq : description.pci_irqs) level.push_back(irq);
  std::ranges::sort(level);
  level.erase(std::ranges::unique(level).begin(), level.end());
  for (const std::uint8_t irq : level) {
    writer.write(MadtOverride{.source = irq, .interrupt = irq, .flags = kActiveHighLevel});
  }
  writer.write(MadtLocalNmi{});
  return table("APIC", 5, writer.take());
}

Code pointers(std::string_view signature, const std::vector<GuestPhysical>& tables, unsigned size) {
  ByteWriter writer;
  for (const GuestPhysical address : tables) {
    const std::uint64_t value = address.value();
    writer.write_bytes(as_bytes(&value, size));
  }
  return table(signature, 1, writer.take());
}

// Places tables one after another in the range that the memory map reserves for them.
class Placer {
 public:
  Placer(memory::GuestMemory& memory, const MemoryMap& map)
      : memory_(memory),
        next_(map.acpi_tables()),
        end_(map.acpi_tables() + MemoryMap::kAcpiTablesSize) {}

  Result<GuestPhysical> place(ByteSpan bytes) {
    constexpr std::uint64_t kAlignment = 64;  // as the FACS wants
    const GuestPhysical address = next_;
    if (bytes.size() > end_ - address || !memory_.load(address, bytes)) {
      return fail(format("ACPI tables: {} bytes do not fit at {:#x}; give the guest less devices",
                         bytes.size(), address.value()));
    }
    next_ = GuestPhysical(align_up(address.value() + bytes.size(), kAlignment));
    return address;
  }

 private:
  memory::GuestMemory& memory_;
  GuestPhysical next_;
  GuestPhysical end_;
};

Result<GuestPhysical> write_rsdp(memory::GuestMemory& memory, GuestPhysical rsdt,
                                 GuestPhysical xsdt) {
  Rsdp rsdp;
  rsdp.rsdt = static_cast<std::uint32_t>(rsdt.value());
  rsdp.xsdt = xsdt.value();
  auto* bytes = reinterpret_cast<std::byte*>(&rsdp);
  make_checksum(bytes, 20, bytes[offsetof(Rsdp, checksum)]);
  make_checksum(bytes, sizeof rsdp, bytes[offsetof(Rsdp, extended_checksum)]);
  if (!memory.load(kFirmwareTables, as_bytes(&rsdp, sizeof rsdp))) {
    return fail("ACPI tables: there is no memory at E0000h for the root pointer");
  }
  return kFirmwareTables;
}

}  // namespace

Result<GuestPhysical> write_tables(memory::GuestMemory& memory, const MemoryMap& map,
                                   const Description& description) {
  Placer placer(memory, map);
  const Facs facs;
  ORRERY_TRY(const GuestPhysical facs_at, placer.place(as_bytes(&facs, sizeof facs)));
  ORRERY_TRY(const GuestPhysical dsdt_at, placer.place(table("DSDT", 2, dsdt(map, description))));
  ORRERY_TRY(const GuestPhysical fadt_at, placer.place(fadt(facs_at, dsdt_at)));
  ORRERY_TRY(const GuestPhysical madt_at, placer.place(madt(description)));
  const std::vector<GuestPhysical> tables{fadt_at, madt_at};
  ORRERY_TRY(const GuestPhysical rsdt_at, placer.place(pointers("RSDT", tables, 4)));
  ORRERY_TRY(const GuestPhysical xsdt_at, placer.place(pointers("XSDT", tables, 8)));
  return write_rsdp(memory, rsdt_at, xsdt_at);
}

}  // namespace orrery::machine::acpi
