#include "device/virtio/transport/pci_transport.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace orrery::device::virtio {
namespace {

// Base class and sub-class that a real card of the kind would have (PCI 3.0, appendix D).
std::uint32_t class_code(DeviceType type) {
  switch (type) {
    case DeviceType::kNetwork: return 0x02'0000;
    case DeviceType::kBlock: return 0x01'8000;
    case DeviceType::kConsole: return 0x07'8000;
    case DeviceType::kEntropy: return 0x10'8000;
  }
  return 0xFF'0000;
}

pci::Identity identity(DeviceType type) {
  const auto device = static_cast<std::uint16_t>(kPciDeviceBase + static_cast<unsigned>(type));
  return {.vendor = kPciVendor,
          .device = device,
          .revision = kPciRevision,
          .class_code = class_code(type),
          .subsystem_vendor = kPciVendor,
          .subsystem = device,
          .pin = pci::Pin::kA};
}

std::uint64_t low_half(std::uint64_t whole, std::uint64_t value) {
  return (whole & ~std::uint64_t{0xFFFF'FFFF}) | (value & 0xFFFF'FFFF);
}

std::uint64_t high_half(std::uint64_t whole, std::uint64_t value) {
  return (whole & 0xFFFF'FFFF) | (value << 32);
}

std::uint64_t half(std::uint64_t whole, std::uint32_t select) {
  return select == 0 ? whole & 0xFFFF'FFFF : select == 1 ? whole >> 32 : 0;
}

bool is_address(CommonField field) {
  return field == CommonField::kQueueDesc || field == CommonField::kQueueDriver ||
         field == CommonField::kQueueDevice;
}

}  // namespace

PciTransport::PciTransport(Host& host, std::unique_ptr<Model> model)
    : Function(host, identity(model->type())),
      core_(host, *this, std::move(model)),
      queue_vectors_(core_.queue_count(), kNoVector) {
  add_bar(kStructuresBar, pci::BarKind::kMemory32, kStructuresBarSize);
  add_bar(kMsixBar, pci::BarKind::kMemory32, kMsixBarSize);
  // One vector for each queue and one for the configuration, as drivers like to have them.
  add_msix(kMsixBar, 0, kMsixPendingStart, std::min(core_.queue_count() + 1, kMostVectors));
  add_capabilities();
  for (unsigned queue = 0; queue < core_.queue_count(); ++queue) {
    host.allow_posted_write(kStructuresBar, kNotifyStart + queue * std::uint64_t{kNotifyMultiplier},
                            [this, queue] { core_.notify_on_loop(queue); });
  }
  seal();
}

void PciTransport::add_capabilities() {
  add_structure(kCommonConfig, kCommonStart);
  add_structure(kIsrConfig, kIsrStart);
  add_structure(kDeviceConfig, kDeviceStart);
  add_structure(kNotifyConfig, kNotifyStart);
  pci_config_capability_ = config().add_capability(pci::kCapabilityVendor, kCapExtendedEnd);
  const unsigned at = pci_config_capability_;
  config().set<std::uint8_t>(at + kCapLength, kCapExtendedEnd);
  config().set<std::uint8_t>(at + kCapType, kPciConfig);
  config().set_writable<std::uint8_t>(at + kCapBar, 0xFF);
  config().set_writable<std::uint32_t>(at + kCapOffset, ~0u);
  config().set_writable<std::uint32_t>(at + kCapSize, ~0u);
  config().set_writable<std::uint32_t>(at + kCapPciConfigData, ~0u);
}

void PciTransport::add_structure(PciCapabilityType type, std::uint64_t start) {
  const unsigned length = type == kNotifyConfig ? kCapExtendedEnd : kCapEnd;
  const unsigned at = config().add_capability(pci::kCapabilityVendor, length);
  config().set<std::uint8_t>(at + kCapLength, static_cast<std::uint8_t>(length));
  config().set<std::uint8_t>(at + kCapType, type);
  config().set<std::uint8_t>(at + kCapBar, kStructuresBar);
  config().set<std::uint32_t>(at + kCapOffset, static_cast<std::uint32_t>(start));
  config().set<std::uint32_t>(at + kCapSize, kStructureSize);
  if (type == kNotifyConfig) {
    config().set<std::uint32_t>(at + kCapNotifyMultiplier, kNotifyMultiplier);
  }
}

std::uint64_t PciTransport::read_bar(unsigned bar, std::uint64_t offset, Width width) {
  if (bar != kStructuresBar) return mask_of(width);
  const std::uint64_t within = offset % kStructureSize;
  switch (align_down(offset, kStructureSize)) {
    case kCommonStart: return read_common(within, width);
    case kIsrStart: return read_isr(within);
    case kDeviceStart: return read_device(within, width);
    default: return 0;
  }
}

void PciTransport::write_bar(unsigned bar, std::uint64_t offset, Width width, std::uint64_t value) {
  if (bar != kStructuresBar) return;
  const std::uint64_t within = offset % kStructureSize;
  switch (align_down(offset, kStructureSize)) {
    case kCommonStart: write_common(within, width, value); break;
    case kDeviceStart: core_.model().write_config(within, width, value); break;
    case kNotifyStart: core_.notify(static_cast<unsigned>(within / kNotifyMultiplier)); break;
    default: break;
  }
}

std::uint64_t PciTransport::read_common(std::uint64_t offset, Width width) {
  for (const CommonRegister& reg : kCommonRegisters) {
    const std::uint64_t within = offset - reg.offset;
    if (offset >= reg.offset && within < bytes_of(reg.width)) {
      return (common(reg.field) >> (8 * within)) & mask_of(width);
    }
  }
  return 0;
}

// Drivers use a register's own width, and 32 bits for each half of a 64-bit one (4.1.3.1); other
// writes do nothing.
void PciTransport::write_common(std::uint64_t offset, Width width, std::uint64_t value) {
  for (const CommonRegister& reg : kCommonRegisters) {
    if (offset == reg.offset && width == reg.width) {
      set_common(reg.field, value);
    } else if (is_address(reg.field) && width == Width::k32) {
      if (offset == reg.offset) set_common(reg.field, low_half(common(reg.field), value));
      if (offset == reg.offset + 4u) set_common(reg.field, high_half(common(reg.field), value));
    }
  }
}

std::uint64_t PciTransport::common(CommonField field) const {
  switch (field) {
    case CommonField::kDeviceFeatureSelect: return device_feature_select_;
    case CommonField::kDeviceFeature: return half(core_.offered(), device_feature_select_);
    case CommonField::kDriverFeatureSelect: return driver_feature_select_;
    case CommonField::kDriverFeature: return half(core_.chosen(), driver_feature_select_);
    case CommonField::kConfigMsixVector: return config_vector_;
    case CommonField::kNumQueues: return core_.queue_count();
    case CommonField::kDeviceStatus: return core_.status();
    case CommonField::kConfigGeneration: return core_.generation();
    case CommonField::kQueueSelect: return queue_select_;
    default: break;
  }
  if (!selected()) return 0;  // a queue_size of 0 says that there is no such queue
  const Virtqueue& queue = core_.queue(queue_select_);
  switch (field) {
    case CommonField::kQueueSize: return queue.setup().size;
    case CommonField::kQueueMsixVector: return queue_vectors_[queue_select_];
    case CommonField::kQueueEnable: return queue.enabled() ? 1 : 0;
    case CommonField::kQueueNotifyOff: return queue_select_;
    case CommonField::kQueueDesc: return queue.setup().descriptors.value();
    case CommonField::kQueueDriver: return queue.setup().driver.value();
    default: return queue.setup().device.value();
  }
}

void PciTransport::set_common(CommonField field, std::uint64_t value) {
  switch (field) {
    case CommonField::kDeviceFeatureSelect:
      device_feature_select_ = static_cast<std::uint32_t>(value);
      return;
    case CommonField::kDriverFeatureSelect:
      driver_feature_select_ = static_cast<std::uint32_t>(value);
      return;
    case CommonField::kDriverFeature:
      if (driver_feature_select_ == 0) core_.choose(low_half(core_.chosen(), value));
      if (driver_feature_select_ == 1) core_.choose(high_half(core_.chosen(), value));
      return;
    case CommonField::kConfigMsixVector: config_vector_ = checked_vector(value); return;
    case CommonField::kDeviceStatus:
      core_.write_status(static_cast<std::uint8_t>(value));
      if (value == 0) forget_driver();
      return;
    case CommonField::kQueueSelect: queue_select_ = static_cast<std::uint16_t>(value); return;
    default:
      if (selected()) set_queue(core_.queue(queue_select_), field, value);
  }
}

// A queue's parameters are fixed once it is enabled (4.1.4.3.2).
void PciTransport::set_queue(Virtqueue& queue, CommonField field, std::uint64_t value) {
  if (field == CommonField::kQueueMsixVector) {
    queue_vectors_[queue_select_] = checked_vector(value);
    return;
  }
  if (queue.enabled()) return;
  QueueSetup& setup = queue.setup();
  switch (field) {
    case CommonField::kQueueSize: setup.size = static_cast<std::uint16_t>(value); break;
    case CommonField::kQueueDesc: setup.descriptors = GuestPhysical(value); break;
    case CommonField::kQueueDriver: setup.driver = GuestPhysical(value); break;
    case CommonField::kQueueDevice: setup.device = GuestPhysical(value); break;
    case CommonField::kQueueEnable:
      if (value == 1) core_.enable_queue(queue_select_);
      break;
    default: break;
  }
}

// Reads back as kNoVector when it cannot be used (4.1.5.1.2.1).
std::uint16_t PciTransport::checked_vector(std::uint64_t vector) const {
  return vector < msix_vectors() ? static_cast<std::uint16_t>(vector) : kNoVector;
}

std::uint64_t PciTransport::read_device(std::uint64_t offset, Width width) {
  const ByteSpan bytes = core_.model().config();
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes_of(width) && offset + i < bytes.size(); ++i) {
    value |= std::to_integer<std::uint64_t>(bytes[offset + i]) << (8 * i);
  }
  return value;
}

std::uint64_t PciTransport::read_isr(std::uint64_t offset) {
  if (offset != 0) return 0;
  const std::uint8_t value = isr_;
  isr_ = 0;
  set_intx(false);
  return value;
}

// 4.1.5.3 and 4.1.5.4: with MSI-X the event's vector, if it has one; else ISR and the pin.
void PciTransport::interrupt(std::uint16_t vector, IsrBit cause) {
  if (msix_enabled()) {
    if (vector != kNoVector) notify_msix(vector);
    return;
  }
  isr_ |= cause;
  set_intx(true);
}

void PciTransport::used_buffers(unsigned queue) {
  interrupt(queue_vectors_[queue], kQueueInterrupt);
}

void PciTransport::configuration_changed() {
  interrupt(config_vector_, kConfigurationInterrupt);
}

// 4.1.4.9 PCI configuration access capability: a window of 1, 2 or 4 bytes into a BAR.
std::optional<PciTransport::Window> PciTransport::pci_config_window(std::uint64_t offset,
                                                                    Width width) const {
  const unsigned at = pci_config_capability_;
  const unsigned data = at + kCapPciConfigData;
  if (offset >= data + 4 || offset + bytes_of(width) <= data) return std::nullopt;
  const auto bar = config().get<std::uint8_t>(at + kCapBar);
  const auto start = config().get<std::uint32_t>(at + kCapOffset);
  const auto size = config().get<std::uint32_t>(at + kCapSize);
  if (bar >= pci::kBarCount || (size != 1 && size != 2 && size != 4)) return std::nullopt;
  if (!is_aligned(start, size)) return std::nullopt;
  return Window{bar, start, static_cast<Width>(size)};
}

void PciTransport::before_config_read(std::uint64_t offset, Width width) {
  if (const auto window = pci_config_window(offset, width)) {
    const std::uint64_t value = read(window->bar, window->offset, window->width);
    config().set<std::uint32_t>(pci_config_capability_ + kCapPciConfigData,
                                static_cast<std::uint32_t>(value));
  }
}

void PciTransport::after_config_write(std::uint64_t offset, Width width) {
  if (const auto window = pci_config_window(offset, width)) {
    write(window->bar, window->offset, window->width,
          config().get<std::uint32_t>(pci_config_capability_ + kCapPciConfigData));
  }
}

// What a driver set in the transport, gone with a reset.
void PciTransport::forget_driver() {
  device_feature_select_ = driver_feature_select_ = 0;
  queue_select_ = 0;
  config_vector_ = kNoVector;
  std::ranges::fill(queue_vectors_, kNoVector);
  isr_ = 0;
  set_intx(false);
}

void PciTransport::reset() {
  core_.reset();
  forget_driver();
  Function::reset();
}

}  // namespace orrery::device::virtio
