#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Exception;
using x86::SegmentSelector;

constexpr unsigned kDescriptorSize = 8;
constexpr unsigned kTypeByte = 5;  // the byte of a descriptor that holds P, DPL, S and the type

struct TableBounds {
  std::uint64_t base;
  std::uint32_t limit;
};

std::optional<TableBounds> table_of(const Cpu& cpu, SegmentSelector selector) {
  if (!selector.is_local()) return TableBounds{cpu.state.gdtr.base, cpu.state.gdtr.limit};
  if (!cpu.state.ldtr.attributes.is_present()) return std::nullopt;
  return TableBounds{cpu.state.ldtr.base, cpu.state.ldtr.limit};
}

}  // namespace

std::uint64_t cut_linear(const Cpu& cpu, std::uint64_t linear) {
  return cpu.state.long_mode() ? linear : linear & 0xffff'ffff;
}

std::optional<TableEntry> find_descriptor(Cpu& cpu, SegmentSelector selector) {
  const auto table = table_of(cpu, selector);
  if (!table || selector.offset() + kDescriptorSize - 1 > table->limit) return std::nullopt;
  const std::uint64_t linear = cut_linear(cpu, table->base + selector.offset());
  return TableEntry{selector, x86::Descriptor(read_system<std::uint64_t>(cpu, linear)), linear};
}

TableEntry fetch_descriptor(Cpu& cpu, SegmentSelector selector, Exception exception) {
  if (selector.is_null()) raise_selector(cpu, exception, selector);
  const auto entry = find_descriptor(cpu, selector);
  if (!entry) raise_selector(cpu, exception, selector);
  return *entry;
}

void fetch_high_half(Cpu& cpu, TableEntry& entry, Exception exception) {
  if (!cpu.state.long_mode()) return;
  const auto table = table_of(cpu, entry.selector);
  if (!table || entry.selector.offset() + 2 * kDescriptorSize - 1 > table->limit) {
    raise_selector(cpu, exception, entry.selector);
  }
  const auto high = read_system<std::uint64_t>(cpu, entry.linear + kDescriptorSize);
  if (bits(high, 44, 40) != 0) raise_selector(cpu, exception, entry.selector);
  entry.descriptor = x86::Descriptor(entry.descriptor.low(), high);
}

void mark_accessed(Cpu& cpu, const TableEntry& entry) {
  if (entry.descriptor.attributes().is_accessed()) return;
  const std::uint64_t linear = entry.linear + kTypeByte;
  write_system<std::uint8_t>(cpu, linear,
                             static_cast<std::uint8_t>(read_system<std::uint8_t>(cpu, linear) | 1));
}

void mark_tss(Cpu& cpu, std::uint64_t descriptor_linear, Busy busy) {
  const std::uint64_t linear = descriptor_linear + kTypeByte;
  const unsigned old = read_system<std::uint8_t>(cpu, linear);
  const unsigned marked = busy == Busy::kYes ? old | x86::kTssBusyBit : old & ~x86::kTssBusyBit;
  write_system<std::uint8_t>(cpu, linear, static_cast<std::uint8_t>(marked));
}

bool within_limit(const x86::Segment& segment, std::uint64_t offset, unsigned size) {
  const std::uint64_t last = offset + size - 1;
  if (segment.attributes.is_expand_down()) {
    const std::uint64_t highest = segment.attributes.is_big() ? 0xffff'ffff : 0xffff;
    return offset > segment.limit && last <= highest;
  }
  return last >= offset && last <= segment.limit;
}

std::uint64_t linear_in(const Cpu& cpu, const x86::Segment& segment, std::uint64_t offset) {
  return cut_linear(cpu, segment.base + offset);
}

x86::Segment real_mode_segment(const Cpu& cpu, x86::SegmentRegister reg, std::uint16_t selector) {
  constexpr unsigned kSizeBits = 0xf000;
  constexpr unsigned kDataAccessed = 0x93;
  constexpr unsigned kCodeAccessed = 0x9b;
  const x86::Segment& old = cpu.state[reg];
  const unsigned type = reg == x86::SegmentRegister::kCs ? kCodeAccessed : kDataAccessed;
  return {
      selector,
      x86::SegmentAttributes(static_cast<std::uint16_t>((old.attributes.raw() & kSizeBits) | type)),
      old.limit, std::uint64_t{selector} << 4};
}

x86::Segment virtual_8086_segment(std::uint16_t selector) {
  constexpr std::uint16_t kUserDataAccessed = 0xf3;
  return {selector, x86::SegmentAttributes(kUserDataAccessed), 0xffff,
          std::uint64_t{selector} << 4};
}

x86::Segment null_stack_segment(SegmentSelector selector, unsigned cpl) {
  return {selector.raw(), x86::SegmentAttributes(static_cast<std::uint16_t>(cpl << 5)), 0, 0};
}

}  // namespace orrery::hypervisor::soft
