#include "device/pci/msix.hpp"

#include <nlohmann/json.hpp>

#include "base/bits.hpp"
#include "device/pci/registers.hpp"

namespace orrery::device::pci {

Msix::Msix(Host& host, unsigned vectors)
    : host_(host), table_(vectors, Entry{.control = kMsixVectorMasked}), pending_(vectors) {}

std::uint64_t Msix::table_size() const {
  return table_.size() * kMsixEntrySize;
}

std::uint64_t Msix::pending_size() const {
  return align_up(table_.size(), 64) / 8;
}

void Msix::notify(unsigned vector) {
  if (vector >= table_.size() || !enabled_) return;
  pending_[vector] = true;
  deliver_if_unmasked(vector);
}

void Msix::deliver_if_unmasked(unsigned vector) {
  const Entry& entry = table_[vector];
  if (!pending_[vector] || !enabled_ || function_masked_) return;
  if ((entry.control & kMsixVectorMasked) != 0) return;
  pending_[vector] = false;
  host_.send_msi(entry.address, entry.data);
}

void Msix::set_control(std::uint16_t control) {
  enabled_ = (control & kMsixEnable) != 0;
  function_masked_ = (control & kMsixFunctionMask) != 0;
  for (unsigned vector = 0; vector < table_.size(); ++vector) deliver_if_unmasked(vector);
}

std::uint32_t Msix::field(std::uint64_t offset) const {
  const Entry& entry = table_[offset / kMsixEntrySize];
  switch (offset % kMsixEntrySize / 4) {
    case 0: return static_cast<std::uint32_t>(entry.address);
    case 1: return static_cast<std::uint32_t>(entry.address >> 32);
    case 2: return entry.data;
    default: return entry.control;
  }
}

void Msix::write_field(std::uint64_t offset, std::uint32_t value) {
  Entry& entry = table_[offset / kMsixEntrySize];
  switch (offset % kMsixEntrySize / 4) {
    case 0: entry.address = (entry.address & ~std::uint64_t{0xFFFF'FFFF}) | (value & ~3u); break;
    case 1: entry.address = (entry.address & 0xFFFF'FFFF) | (std::uint64_t{value} << 32); break;
    case 2: entry.data = value; break;
    default:
      entry.control = value & kMsixVectorMasked;
      deliver_if_unmasked(static_cast<unsigned>(offset / kMsixEntrySize));
  }
}

// Only aligned accesses of 4 and 8 bytes are defined (6.8.2).
std::uint64_t Msix::read_table(std::uint64_t offset, Width width) const {
  if (bytes_of(width) < 4 || !is_aligned(offset, bytes_of(width))) return mask_of(width);
  if (offset >= table_size()) return mask_of(width);
  if (width == Width::k32) return field(offset);
  return field(offset) | (std::uint64_t{field(offset + 4)} << 32);
}

void Msix::write_table(std::uint64_t offset, Width width, std::uint64_t value) {
  if (bytes_of(width) < 4 || !is_aligned(offset, bytes_of(width))) return;
  if (offset >= table_size()) return;
  write_field(offset, static_cast<std::uint32_t>(value));
  if (width == Width::k64) write_field(offset + 4, static_cast<std::uint32_t>(value >> 32));
}

std::uint64_t Msix::read_pending(std::uint64_t offset, Width width) const {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bits_of(width); ++i) {
    const std::uint64_t vector = offset * 8 + i;
    if (vector < pending_.size() && pending_[vector]) value |= std::uint64_t{1} << i;
  }
  return value;
}

void Msix::reset() {
  table_.assign(table_.size(), Entry{.control = kMsixVectorMasked});
  pending_.assign(pending_.size(), false);
  enabled_ = function_masked_ = false;
}

State Msix::save() const {
  State table = State::array();
  for (const Entry& entry : table_) table.push_back({entry.address, entry.data, entry.control});
  return {{"table", std::move(table)}, {"pending", pending_}};
}

std::vector<Msix::Entry> Msix::entries_from(const State& state) {
  std::vector<Entry> table;
  for (const State& entry : state.at("table")) {
    table.push_back({entry.at(0).get<std::uint64_t>(), entry.at(1).get<std::uint32_t>(),
                     entry.at(2).get<std::uint32_t>()});
  }
  return table;
}

std::vector<bool> Msix::pending_from(const State& state) {
  return state.at("pending").get<std::vector<bool>>();
}

void Msix::restore(std::vector<Entry> table, std::vector<bool> pending, std::uint16_t control) {
  table_ = std::move(table);
  pending_ = std::move(pending);
  set_control(control);
}

}  // namespace orrery::device::pci
