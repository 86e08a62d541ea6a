#include "machine/mp_tables.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "device/ioapic/registers.hpp"
#include "device/lapic/registers.hpp"
#include "device/pci/interrupt_router.hpp"
#include "machine/firmware_checksum.hpp"
#include "machine/memory_map.hpp"
#include "machine/ports.hpp"

namespace orrery::machine {
namespace {

struct [[gnu::packed]] FloatingPointer {  // 4.1
  char signature[4] = {'_', 'M', 'P', '_'};
  std::uint32_t configuration = 0;
  std::uint8_t length = 1;  // in units of 16 bytes
  std::uint8_t revision = 4;
  std::uint8_t checksum = 0;
  std::uint8_t features[5] = {};  // a configuration table; virtual wire mode
};
static_assert(sizeof(FloatingPointer) == 16);

struct [[gnu::packed]] Header {  // 4.2
  char signature[4] = {'P', 'C', 'M', 'P'};
  std::uint16_t length = 0;
  std::uint8_t revision = 4;
  std::uint8_t checksum = 0;
  char oem_id[8] = {'O', 'R', 'R', 'E', 'R', 'Y', ' ', ' '};
  char product_id[12] = {'P', 'C', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
  std::uint32_t oem_table = 0;
  std::uint16_t oem_table_size = 0;
  std::uint16_t entries = 0;
  std::uint32_t local_apic = static_cast<std::uint32_t>(kLocalApicBase.value());
  std::uint16_t extended_length = 0;
  std::uint8_t extended_checksum = 0;
  std::uint8_t reserved = 0;
};
static_assert(sizeof(Header) == 44);

struct [[gnu::packed]] Processor {  // 4.3.1
  std::uint8_t type = 0;
  std::uint8_t local_apic = 0;
  std::uint8_t local_apic_version = device::lapic::kVersionValue & 0xff;
  std::uint8_t flags = 0;
  std::uint32_t signature = 0x0600;  // family 6; CPUID tells the rest
  std::uint32_t features = 0x0201;   // x87 and local APIC, as bits 0 and 9 of CPUID.1:EDX
  std::uint64_t reserved = 0;
};
static_assert(sizeof(Processor) == 20);
constexpr std::uint8_t kEnabled = 1u << 0;
constexpr std::uint8_t kBootstrap = 1u << 1;

struct [[gnu::packed]] BusEntry {  // 4.3.2
  std::uint8_t type = 1;
  std::uint8_t id = 0;
  char name[6] = {};
};
constexpr BusEntry kPciBus{.id = 0, .name = {'P', 'C', 'I', ' ', ' ', ' '}};
constexpr BusEntry kIsaBus{.id = 1, .name = {'I', 'S', 'A', ' ', ' ', ' '}};

struct [[gnu::packed]] IoApicEntry {  // 4.3.3
  std::uint8_t type = 2;
  std::uint8_t id = 0;
  std::uint8_t version = device::ioapic::kVersionValue & 0xff;
  std::uint8_t flags = kEnabled;
  std::uint32_t address = static_cast<std::uint32_t>(kIoApicBase.value());
};

enum class Source : std::uint8_t { kVectored = 0, kNmi = 1, kExternal = 3 };

struct [[gnu::packed]] Interrupt {  // 4.3.4 and 4.3.5
  std::uint8_t type = 3;
  Source source = Source::kVectored;
  std::uint16_t flags = 0;  // polarity and trigger mode as the bus has them
  std::uint8_t bus = 0;
  std::uint8_t bus_irq = 0;
  std::uint8_t apic = 0;
  std::uint8_t pin = 0;
};
static_assert(sizeof(Interrupt) == 8);
constexpr std::uint8_t kLocalInterrupt = 4;  // a type
constexpr std::uint8_t kEveryApic = 0xff;
constexpr std::uint16_t kActiveHighLevel = 0x000d;

// Collects entries, which come in the order of their types.
class Entries {
 public:
  template <typename Entry>
  void add(const Entry& entry) {
    writer_.write(entry);
    ++count_;
  }
  std::vector<std::byte> table() {
    const std::vector<std::byte> entries = writer_.take();
    Header header;
    header.length = static_cast<std::uint16_t>(sizeof header + entries.size());
    header.entries = count_;
    ByteWriter whole;
    whole.write(header);
    whole.write_bytes(entries);
    std::vector<std::byte> bytes = whole.take();
    make_checksum(bytes.data(), bytes.size(), bytes[offsetof(Header, checksum)]);
    return bytes;
  }

 private:
  ByteWriter writer_;
  std::uint16_t count_ = 0;
};

void add_isa_interrupts(Entries& entries, std::uint8_t io_apic,
                        const std::array<std::uint8_t, 4>& pci_irqs) {
  constexpr std::uint8_t kIsaIrqs = 16;
  constexpr std::uint8_t kCascade = 2;
  for (std::uint8_t irq = 0; irq < kIsaIrqs; ++irq) {
    if (irq == kCascade || std::ranges::count(pci_irqs, irq) != 0) continue;
    const std::uint8_t pin = irq == kTimerIrq ? kCascade : irq;
    entries.add(Interrupt{.bus = kIsaBus.id, .bus_irq = irq, .apic = io_apic, .pin = pin});
  }
}

// A PCI interrupt is told by slot and pin (D.3).
void add_pci_interrupts(Entries& entries, std::uint8_t io_apic,
                        const std::array<std::uint8_t, 4>& pci_irqs) {
  using namespace device::pci;
  for (unsigned slot = 1; slot < kSlotCount; ++slot) {
    for (unsigned pin = 0; pin < 4; ++pin) {
      const std::uint8_t irq = pci_irqs[InterruptRouter::line_of(slot, static_cast<Pin>(pin + 1))];
      if (irq == 0) continue;
      entries.add(Interrupt{.flags = kActiveHighLevel,
                            .bus = kPciBus.id,
                            .bus_irq = static_cast<std::uint8_t>(slot << 2 | pin),
                            .apic = io_apic,
                            .pin = irq});
    }
  }
}

std::vector<std::byte> configuration(unsigned vcpus, const std::array<std::uint8_t, 4>& pci_irqs) {
  Entries entries;
  for (unsigned id = 0; id < vcpus; ++id) {
    const bool first = id == 0;
    entries.add(Processor{.local_apic = static_cast<std::uint8_t>(id),
                          .flags = static_cast<std::uint8_t>(kEnabled | (first ? kBootstrap : 0))});
  }
  entries.add(kPciBus);
  entries.add(kIsaBus);
  const auto io_apic = static_cast<std::uint8_t>(vcpus);  // ids of APICs must differ (3.6.5)
  entries.add(IoApicEntry{.id = io_apic});
  add_isa_interrupts(entries, io_apic, pci_irqs);
  add_pci_interrupts(entries, io_apic, pci_irqs);
  entries.add(Interrupt{.type = kLocalInterrupt,
                        .source = Source::kExternal,
                        .bus = kIsaBus.id,
                        .apic = 0,
                        .pin = 0});
  entries.add(Interrupt{.type = kLocalInterrupt,
                        .source = Source::kNmi,
                        .bus = kIsaBus.id,
                        .apic = kEveryApic,
                        .pin = 1});
  return entries.table();
}

}  // namespace

Result<> write_mp_tables(memory::GuestMemory& memory, unsigned vcpus,
                         const std::array<std::uint8_t, 4>& pci_irqs) {
  FloatingPointer pointer;
  const GuestPhysical table = kMpTables + sizeof pointer;
  pointer.configuration = static_cast<std::uint32_t>(table.value());
  auto* bytes = reinterpret_cast<std::byte*>(&pointer);
  make_checksum(bytes, sizeof pointer, bytes[offsetof(FloatingPointer, checksum)]);
  if (!memory.load(kMpTables, as_bytes(&pointer, sizeof pointer)) ||
      !memory.load(table, configuration(vcpus, pci_irqs))) {
    return fail("MP tables: there is no memory at F0000h for them");
  }
  return {};
}

}  // namespace orrery::machine
