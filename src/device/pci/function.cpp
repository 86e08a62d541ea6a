#include "device/pci/function.hpp"

#include "base/assert.hpp"
#include "base/bits.hpp"

namespace orrery::device::pci {
namespace {

constexpr unsigned bar_offset(unsigned index) {
  return kBaseAddress0 + index * 4;
}

bool overlaps(std::uint64_t offset, Width width, unsigned start, unsigned size) {
  return offset < start + size && offset + bytes_of(width) > start;
}

bool inside(std::uint64_t offset, std::uint64_t start, std::uint64_t size) {
  return offset >= start && offset - start < size;
}

}  // namespace

Function::Function(Host& host, const Identity& identity) : host_(host) {
  config_.set<std::uint16_t>(kVendorId, identity.vendor);
  config_.set<std::uint16_t>(kDeviceId, identity.device);
  config_.set<std::uint32_t>(kRevisionId, (identity.class_code << 8) | identity.revision);
  config_.set<std::uint16_t>(kSubsystemVendorId, identity.subsystem_vendor);
  config_.set<std::uint16_t>(kSubsystemId, identity.subsystem);
  config_.set<std::uint8_t>(kInterruptPin, static_cast<std::uint8_t>(identity.pin));
  config_.set_writable<std::uint16_t>(kCommand, kIoSpace | kMemorySpace | kBusMaster |
                                                    kParityErrorResponse | kSerrEnable |
                                                    kInterruptDisable);
  config_.set_writable<std::uint8_t>(kCacheLineSize, 0xFF);
  config_.set_writable<std::uint8_t>(kLatencyTimer, 0xF8);
  if (identity.pin != Pin::kNone) config_.set_writable<std::uint8_t>(kInterruptLine, 0xFF);
}

void Function::add_bar(unsigned index, BarKind kind, std::uint64_t size) {
  const bool wide = kind == BarKind::kMemory64;
  ORRERY_ASSERT(index + (wide ? 1 : 0) < kBarCount);
  ORRERY_ASSERT(size >= 16 && (size & (size - 1)) == 0);
  bars_[index] = {kind, size};
  const std::uint64_t mask = ~(size - 1);
  const std::uint32_t type = kind == BarKind::kIo ? kBarIo : wide ? kBarMemory64 : 0u;
  config_.set<std::uint32_t>(bar_offset(index), type);
  config_.set_writable<std::uint32_t>(bar_offset(index), static_cast<std::uint32_t>(mask));
  if (wide) {
    config_.set_writable<std::uint32_t>(bar_offset(index + 1),
                                        static_cast<std::uint32_t>(mask >> 32));
  }
}

void Function::add_msix(unsigned bar, std::uint64_t table_offset, std::uint64_t pending_offset,
                        unsigned vectors) {
  ORRERY_ASSERT(vectors > 0 && vectors <= kMsixTableSize + 1);
  msix_.emplace(host_, vectors);
  ORRERY_ASSERT(table_offset + msix_->table_size() <= bars_[bar].size);
  ORRERY_ASSERT(pending_offset + msix_->pending_size() <= bars_[bar].size);
  const unsigned at = config_.add_capability(kCapabilityMsix, kMsixCapabilitySize);
  config_.set<std::uint16_t>(at + kMsixControl, static_cast<std::uint16_t>(vectors - 1));
  config_.set<std::uint32_t>(at + kMsixTable, static_cast<std::uint32_t>(table_offset | bar));
  config_.set<std::uint32_t>(at + kMsixPendingBits,
                             static_cast<std::uint32_t>(pending_offset | bar));
  config_.set_writable<std::uint16_t>(at + kMsixControl, kMsixEnable | kMsixFunctionMask);
  msix_place_ = {bar, at, table_offset, pending_offset};
}

std::uint64_t Function::read(unsigned region, std::uint64_t offset, Width width) {
  if (region == kConfigRegion) {
    before_config_read(offset, width);
    return config_.read(offset, width);
  }
  if (region >= kBarCount || offset >= bars_[region].size) return mask_of(width);
  if (msix_ && region == msix_place_.bar) {
    if (inside(offset, msix_place_.table, msix_->table_size())) {
      return msix_->read_table(offset - msix_place_.table, width);
    }
    if (inside(offset, msix_place_.pending, msix_->pending_size())) {
      return msix_->read_pending(offset - msix_place_.pending, width);
    }
  }
  return read_bar(region, offset, width) & mask_of(width);
}

void Function::write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) {
  if (region == kConfigRegion) {
    write_config(offset, width, value);
    return;
  }
  if (region >= kBarCount || offset >= bars_[region].size) return;
  if (msix_ && region == msix_place_.bar) {
    if (inside(offset, msix_place_.table, msix_->table_size())) {
      msix_->write_table(offset - msix_place_.table, width, value);
      return;
    }
    if (inside(offset, msix_place_.pending, msix_->pending_size())) return;
  }
  write_bar(region, offset, width, value & mask_of(width));
}

void Function::write_config(std::uint64_t offset, Width width, std::uint64_t value) {
  if (offset >= kConfigSize) return;
  config_.write(offset, width, value);
  if (overlaps(offset, width, kCommand, 2)) {
    drive_line();
    mapping_changed();
  } else if (overlaps(offset, width, kBaseAddress0, kBarCount * 4)) {
    mapping_changed();
  }
  if (msix_ && overlaps(offset, width, msix_place_.capability + kMsixControl, 2)) {
    msix_->set_control(config_.get<std::uint16_t>(msix_place_.capability + kMsixControl));
  }
  after_config_write(offset, width);
}

void Function::reset() {
  config_.reset();
  if (msix_) msix_->reset();
  drive_line();
  mapping_changed();
}

Pin Function::pin() const {
  return static_cast<Pin>(config_.get<std::uint8_t>(kInterruptPin));
}

std::uint64_t Function::bar_address(unsigned index) const {
  const Bar& bar = bars_[index];
  std::uint64_t address = config_.get<std::uint32_t>(bar_offset(index));
  if (bar.kind == BarKind::kMemory64) {
    address |= std::uint64_t{config_.get<std::uint32_t>(bar_offset(index + 1))} << 32;
  }
  return address & ~(bar.size - 1);
}

std::optional<Window> Function::window(unsigned index) const {
  const Bar& bar = bars_[index];
  if (bar.kind == BarKind::kNone) return std::nullopt;
  const bool io = bar.kind == BarKind::kIo;
  const auto command = config_.get<std::uint16_t>(kCommand);
  if ((command & (io ? kIoSpace : kMemorySpace)) == 0) return std::nullopt;
  const Window result{index, io ? Space::kIo : Space::kMemory, bar_address(index), bar.size};
  // Address 0 is a BAR that nobody has programmed; ports end at FFFFh.
  if (result.base == 0 || result.last() < result.base) return std::nullopt;
  if (io && result.last() > 0xFFFF) return std::nullopt;
  return result;
}

std::vector<Window> Function::windows() const {
  std::vector<Window> result;
  for (unsigned i = 0; i < kBarCount; ++i) {
    if (const auto mapped = window(i)) result.push_back(*mapped);
  }
  return result;
}

void Function::mapping_changed() {
  if (listener_) listener_();
}

void Function::program_bar(unsigned index, std::uint64_t base) {
  write_config(bar_offset(index), Width::k32, base);
  if (bars_[index].kind == BarKind::kMemory64) {
    write_config(bar_offset(index + 1), Width::k32, base >> 32);
  }
}

void Function::program_interrupt_line(std::uint8_t irq) {
  write_config(kInterruptLine, Width::k8, irq);
}

void Function::enable_decoding() {
  const auto command = config_.get<std::uint16_t>(kCommand);
  write_config(kCommand, Width::k16, command | kIoSpace | kMemorySpace);
}

void Function::mark_multi_function() {
  config_.set<std::uint8_t>(kHeaderType, kMultiFunction);
  config_.seal();
}

void Function::set_intx(bool asserted) {
  auto status = config_.get<std::uint16_t>(kStatus);
  status =
      static_cast<std::uint16_t>(asserted ? status | kInterruptStatus : status & ~kInterruptStatus);
  config_.set<std::uint16_t>(kStatus, status);
  drive_line();
}

void Function::drive_line() {
  const bool asserted = (config_.get<std::uint16_t>(kStatus) & kInterruptStatus) != 0 &&
                        (config_.get<std::uint16_t>(kCommand) & kInterruptDisable) == 0;
  if (asserted == line_driven_) return;
  line_driven_ = asserted;
  host_.set_line(kIntxLine, asserted);
}

void Function::notify_msix(unsigned vector) {
  if (msix_) msix_->notify(vector);
}

}  // namespace orrery::device::pci
