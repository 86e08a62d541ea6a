// A driver for tests: brings a virtio device up through its PCI face as virtio 1.2, 3.1.1 says, and
// speaks both ring formats from the driver's side.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "device/pci/function.hpp"
#include "device/virtio/queue/layout.hpp"
#include "device/virtio/registers.hpp"
#include "device/virtio/transport/registers.hpp"
#include "support/fake_host.hpp"

namespace orrery::testing {

namespace virtio = device::virtio;

struct Buffer {
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  bool device_writes = false;
};

struct Used {
  std::uint16_t id = 0;
  std::uint32_t length = 0;
  friend bool operator==(const Used&, const Used&) = default;
};

// One queue as its driver sees it. Each buffer takes one descriptor of the ring or table.
class DriverQueue {
 public:
  DriverQueue() = default;
  // Needs 16 KiB at BASE: descriptors, then driver area at +8 KiB, device area at +12 KiB.
  DriverQueue(FakeHost& host, std::uint64_t base, std::uint16_t size, bool packed)
      : host_(&host), base_(base), size_(size), packed_(packed) {}

  std::uint64_t descriptors() const { return base_; }
  std::uint64_t driver_area() const { return base_ + 0x2000; }
  std::uint64_t device_area() const { return base_ + 0x3000; }
  std::uint16_t size() const { return size_; }

  // Makes a chain available and returns its id.
  std::uint16_t add(const std::vector<Buffer>& buffers) {
    return packed_ ? add_packed(buffers) : add_split(buffers);
  }
  // The same by an indirect table at TABLE.
  std::uint16_t add_indirect(const std::vector<Buffer>& buffers, std::uint64_t table) {
    std::uint64_t at = table;
    for (std::size_t i = 0; i < buffers.size(); ++i, at += 16) {
      const auto& [address, length, writes] = buffers[i];
      const std::uint16_t flags = flags_of(buffers[i], !packed_ && i + 1 < buffers.size());
      if (packed_) {
        host_->store(at, virtio::PackedDescriptor{address, length, 0, flags});
      } else {
        const auto next = static_cast<std::uint16_t>(i + 1);
        host_->store(at, virtio::SplitDescriptor{address, length, flags, next});
      }
    }
    indirect_ = true;
    return add({{table, static_cast<std::uint32_t>(16 * buffers.size()), false}});
  }
  // The next chain that the device gave back.
  std::optional<Used> take_used() { return packed_ ? take_packed() : take_split(); }

  // Where event suppression asks for an interrupt: after COUNT more chains (one descriptor each).
  void want_interrupt_after(std::uint16_t count) {
    if (packed_) {
      const unsigned at = used_ + count - 1u;
      const bool wrapped = at >= size_;
      const bool wrap = wrapped ? !used_wrap_ : used_wrap_;
      host_->store(driver_area(),
                   static_cast<std::uint16_t>((at - (wrapped ? size_ : 0u)) | (wrap ? 0x8000 : 0)));
      host_->store(driver_area() + 2, std::uint16_t{virtio::kEventPlace});
    } else {
      host_->store(driver_area() + 4 + 2 * size_, static_cast<std::uint16_t>(used_ + count - 1));
    }
  }
  void set_avail_flags(std::uint16_t flags) { host_->store(driver_area(), flags); }

 private:
  static std::uint16_t flags_of(const Buffer& buffer, bool next) {
    return static_cast<std::uint16_t>((buffer.device_writes ? virtio::kWrite : 0) |
                                      (next ? virtio::kNext : 0));
  }

  std::uint16_t add_split(const std::vector<Buffer>& buffers) {
    const std::uint16_t head = next_free_;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      std::uint16_t flags = flags_of(buffers[i], i + 1 < buffers.size());
      if (indirect_) flags |= virtio::kIndirect;
      const std::uint16_t index = next_free_;
      next_free_ = static_cast<std::uint16_t>((next_free_ + 1) % size_);
      host_->store(
          base_ + index * 16u,
          virtio::SplitDescriptor{buffers[i].address, buffers[i].length, flags, next_free_});
    }
    indirect_ = false;
    host_->store(driver_area() + 4 + 2u * (available_ % size_), head);
    host_->store(driver_area() + 2, ++available_);
    return head;
  }

  std::uint16_t add_packed(const std::vector<Buffer>& buffers) {
    const std::uint16_t id = next_id_++;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      std::uint16_t flags = flags_of(buffers[i], i + 1 < buffers.size());
      if (indirect_) flags |= virtio::kIndirect;
      flags |= available_wrap_ ? virtio::kPackedAvailable : virtio::kPackedUsed;
      host_->store(base_ + next_free_ * 16u,
                   virtio::PackedDescriptor{buffers[i].address, buffers[i].length, id, flags});
      if (++next_free_ == size_) {
        next_free_ = 0;
        available_wrap_ = !available_wrap_;
      }
    }
    indirect_ = false;
    slots_[id] = static_cast<std::uint16_t>(buffers.size());
    return id;
  }

  std::optional<Used> take_split() {
    if (host_->load<std::uint16_t>(device_area() + 2) == used_) return std::nullopt;
    const auto element =
        host_->load<virtio::UsedElement>(device_area() + 4 + 8u * (used_++ % size_));
    return Used{static_cast<std::uint16_t>(element.id), element.length};
  }

  std::optional<Used> take_packed() {
    const auto entry = host_->load<virtio::PackedDescriptor>(base_ + used_ * 16u);
    const bool available = (entry.flags & virtio::kPackedAvailable) != 0;
    const bool used = (entry.flags & virtio::kPackedUsed) != 0;
    if (available != used || used != used_wrap_) return std::nullopt;
    used_ = static_cast<std::uint16_t>(used_ + slots_[entry.id]);
    if (used_ >= size_) {
      used_ = static_cast<std::uint16_t>(used_ - size_);
      used_wrap_ = !used_wrap_;
    }
    return Used{entry.id, entry.length};
  }

  FakeHost* host_ = nullptr;
  std::uint64_t base_ = 0;
  std::uint16_t size_ = 0;
  bool packed_ = false;
  bool indirect_ = false;
  std::uint16_t next_free_ = 0;
  std::uint16_t available_ = 0;
  std::uint16_t used_ = 0;
  std::uint16_t next_id_ = 0;
  bool available_wrap_ = true;
  bool used_wrap_ = true;
  std::map<std::uint16_t, std::uint16_t> slots_;
};

class Driver {
 public:
  static constexpr std::uint64_t kQueues = 0x1'0000;
  static constexpr std::uint64_t kQueueArea = 0x4000;
  static constexpr std::uint64_t kMsiAddress = 0xFEE0'0000;

  Driver(FakeHost& host, device::pci::Function& function) : host_(host), function_(function) {}

  // A register of the common configuration structure, by its table's offset.
  std::uint64_t get(virtio::CommonField field) {
    const auto& reg = find(field);
    return function_.read(0, virtio::kCommonStart + reg.offset, reg.width);
  }
  void set(virtio::CommonField field, std::uint64_t value) {
    const auto& reg = find(field);
    function_.write(0, virtio::kCommonStart + reg.offset, reg.width, value);
  }
  std::uint8_t status() {
    return static_cast<std::uint8_t>(get(virtio::CommonField::kDeviceStatus));
  }
  void set_status(std::uint8_t value) { set(virtio::CommonField::kDeviceStatus, value); }

  virtio::Features offered() {
    set(virtio::CommonField::kDeviceFeatureSelect, 0);
    const auto low = get(virtio::CommonField::kDeviceFeature);
    set(virtio::CommonField::kDeviceFeatureSelect, 1);
    return low | (get(virtio::CommonField::kDeviceFeature) << 32);
  }

  // Steps 1 to 6 of 3.1.1; false when the device refuses the features.
  bool negotiate(virtio::Features features) {
    set_status(0);
    set_status(virtio::kAcknowledge);
    set_status(virtio::kAcknowledge | virtio::kDriver);
    set(virtio::CommonField::kDriverFeatureSelect, 0);
    set(virtio::CommonField::kDriverFeature, features & 0xFFFF'FFFF);
    set(virtio::CommonField::kDriverFeatureSelect, 1);
    set(virtio::CommonField::kDriverFeature, features >> 32);
    set_status(virtio::kAcknowledge | virtio::kDriver | virtio::kFeaturesOk);
    packed_ = (features & virtio::kRingPacked) != 0;
    return (status() & virtio::kFeaturesOk) != 0;
  }

  void set_up_queue(unsigned index, std::uint16_t size) {
    DriverQueue& queue = queues_[index];
    queue = DriverQueue(host_, kQueues + index * kQueueArea, size, packed_);
    set(virtio::CommonField::kQueueSelect, index);
    set(virtio::CommonField::kQueueSize, size);
    set(virtio::CommonField::kQueueDesc, queue.descriptors());
    set(virtio::CommonField::kQueueDriver, queue.driver_area());
    set(virtio::CommonField::kQueueDevice, queue.device_area());
    if (msix_) set(virtio::CommonField::kQueueMsixVector, index + 1);
    set(virtio::CommonField::kQueueEnable, 1);
  }

  // All of it, with every queue of SIZE entries.
  bool start(virtio::Features features, std::uint16_t size = 16) {
    if (!negotiate(features | virtio::kVersion1)) return false;
    const auto count = get(virtio::CommonField::kNumQueues);
    if (msix_) set(virtio::CommonField::kConfigMsixVector, 0);
    for (unsigned i = 0; i < count; ++i) set_up_queue(i, size);
    set_status(static_cast<std::uint8_t>(status() | virtio::kDriverOk));
    host_.run_posted();
    return true;
  }

  // Vector n sends data 0x40 + n. Call before start().
  void enable_msix(unsigned vectors) {
    msix_ = true;
    for (unsigned i = 0; i < vectors; ++i) {
      function_.write(virtio::kMsixBar, i * 16u, Width::k64, kMsiAddress);
      function_.write(virtio::kMsixBar, i * 16u + 8, Width::k32, 0x40 + i);
      function_.write(virtio::kMsixBar, i * 16u + 12, Width::k32, 0);
    }
    const auto at = function_.read(6, device::pci::kCapabilitiesPointer, Width::k8);
    function_.write(6, at + device::pci::kMsixControl, Width::k16, device::pci::kMsixEnable);
  }

  DriverQueue& queue(unsigned index) { return queues_[index]; }
  void notify(unsigned index) {
    notify_only(index);
    host_.run_posted();
  }
  // Without a turn of the I/O loop.
  void notify_only(unsigned index) {
    function_.write(0, virtio::kNotifyStart + index * virtio::kNotifyMultiplier, Width::k16, index);
  }
  std::uint8_t read_isr() {
    return static_cast<std::uint8_t>(function_.read(0, virtio::kIsrStart, Width::k8));
  }
  template <typename T>
  T read_config(std::uint64_t offset) {
    return static_cast<T>(
        function_.read(0, virtio::kDeviceStart + offset, static_cast<Width>(sizeof(T))));
  }
  void write_config(std::uint64_t offset, Width width, std::uint64_t value) {
    function_.write(0, virtio::kDeviceStart + offset, width, value);
  }

 private:
  static const virtio::CommonRegister& find(virtio::CommonField field) {
    for (const auto& reg : virtio::kCommonRegisters) {
      if (reg.field == field) return reg;
    }
    return virtio::kCommonRegisters[0];
  }

  FakeHost& host_;
  device::pci::Function& function_;
  bool packed_ = false;
  bool msix_ = false;
  std::map<unsigned, DriverQueue> queues_;
};

}  // namespace orrery::testing
