#include "machine/processor/topology.hpp"

#include <bit>
#include <numeric>

#include "device/lapic/registers.hpp"

namespace orrery::machine {
namespace {

namespace leaf1 {
constexpr std::uint32_t kX2Apic = 1u << 21;       // ECX
constexpr std::uint32_t kTscDeadline = 1u << 24;  // ECX
constexpr std::uint32_t kApic = 1u << 9;          // EDX
constexpr std::uint32_t kHtt = 1u << 28;          // EDX: EBX 23..16 is valid
}  // namespace leaf1

constexpr std::uint32_t kTopologyLeaf = 0xb;
constexpr std::uint32_t kFrequencyLeaf = 0x15;
constexpr std::uint32_t kMegahertzLeaf = 0x16;

// Bits of an APIC id that number the cores of the package.
unsigned core_bits(unsigned vcpus) {
  return static_cast<unsigned>(std::bit_width(vcpus - 1));
}

void set_bits(std::uint32_t& word, std::uint32_t which, bool on) {
  word = on ? word | which : word & ~which;
}

void describe_features(x86::CpuidTable& table, const Topology& t) {
  x86::CpuidEntry* entry = table.find(1, 0);
  if (entry == nullptr) return;
  x86::CpuidRegisters& r = entry->registers;
  r.ebx = (r.ebx & 0xffff) | (1u << core_bits(t.vcpus)) << 16 | t.id.value() << 24;
  set_bits(r.edx, leaf1::kHtt, t.vcpus > 1);
  if (!t.own_apic) return;
  r.ecx |= leaf1::kX2Apic;
  set_bits(r.ecx, leaf1::kTscDeadline, t.own_time_stamp);
  r.edx |= leaf1::kApic;
}

// Leaf 4: EAX 31..26 is the number of cores less one, 25..14 the sharers of the cache less one.
void describe_caches(x86::CpuidTable& table, const Topology& t) {
  const std::uint32_t ids = (1u << core_bits(t.vcpus)) - 1;
  for (std::uint32_t subleaf = 0; subleaf < 8; ++subleaf) {
    x86::CpuidEntry* entry = table.find(4, subleaf);
    if (entry == nullptr || (entry->registers.eax & 0x1f) == 0) break;
    const bool shared = (entry->registers.eax >> 5 & 7) >= 3;  // the last level is the package's
    entry->registers.eax = (entry->registers.eax & 0x3fff) | (shared ? ids : 0) << 14 | ids << 26;
  }
}

void describe_levels(x86::CpuidTable& table, const Topology& t) {
  enum : std::uint32_t { kInvalid = 0, kSmt = 1, kCore = 2 };
  const auto level = [&](std::uint32_t subleaf, std::uint32_t shift, std::uint32_t processors,
                         std::uint32_t type) {
    table.set({.leaf = kTopologyLeaf,
               .subleaf = subleaf,
               .subleaf_matters = true,
               .registers = {shift, processors, subleaf | type << 8, t.id.value()}});
  };
  level(0, 0, 1, kSmt);
  level(1, core_bits(t.vcpus), t.vcpus, kCore);
  level(2, 0, 0, kInvalid);
}

// The crystal clock is the local APIC timer's; the counter runs at crystal * EBX / EAX.
void describe_frequency(x86::CpuidTable& table, const Topology& t) {
  if (t.time_stamp_frequency == 0) return;
  constexpr std::uint64_t kCrystal = device::lapic::kTimerFrequency;
  std::uint64_t divisor = std::gcd(t.time_stamp_frequency, kCrystal);
  // A ratio that does not fit 32 bits is told as well as it can be.
  while (t.time_stamp_frequency / divisor > 0xffff'ffff) divisor *= 2;
  const auto megahertz = static_cast<std::uint32_t>(t.time_stamp_frequency / 1'000'000);
  table.set({.leaf = kFrequencyLeaf,
             .registers = {static_cast<std::uint32_t>(kCrystal / divisor),
                           static_cast<std::uint32_t>(t.time_stamp_frequency / divisor),
                           static_cast<std::uint32_t>(kCrystal), 0}});
  table.set({.leaf = kMegahertzLeaf, .registers = {megahertz, megahertz, 100, 0}});
}

}  // namespace

void describe_topology(x86::CpuidTable& table, const Topology& topology) {
  describe_features(table, topology);
  describe_caches(table, topology);
  describe_levels(table, topology);
  describe_frequency(table, topology);
  if (x86::CpuidEntry* first = table.find(0, 0)) {
    const std::uint32_t highest =
        topology.time_stamp_frequency == 0 ? kTopologyLeaf : kMegahertzLeaf;
    if (first->registers.eax < highest) first->registers.eax = highest;
  }
}

}  // namespace orrery::machine
