// A PCI function: a device whose regions are its base address registers, and whose region
// kConfigRegion is its configuration space (PCI 3.0, chapter 6).
//
// A model derives from it, declares its BARs and capabilities in its constructor, ends the
// constructor with seal(), and serves its registers in read_bar() and write_bar(). The function
// keeps the header, BAR sizing, the INTx pin and MSI-X. Root (root.hpp) gives it a slot.
//
// Threads: as every device, all calls are serialized by the host's device lock.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/types.hpp"
#include "base/width.hpp"
#include "device/device.hpp"
#include "device/host.hpp"
#include "device/pci/config_space.hpp"
#include "device/pci/msix.hpp"
#include "device/pci/registers.hpp"

namespace orrery::device::pci {

enum class Pin : std::uint8_t { kNone = 0, kA = 1, kB = 2, kC = 3, kD = 4 };
enum class Space : std::uint8_t { kIo, kMemory };
enum class BarKind : std::uint8_t { kNone, kIo, kMemory32, kMemory64 };

struct Identity {
  std::uint16_t vendor = 0xFFFF;
  std::uint16_t device = 0xFFFF;
  std::uint8_t revision = 0;
  std::uint32_t class_code = 0;  // base class 23..16, sub-class 15..8, programming interface 7..0
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem = 0;
  Pin pin = Pin::kNone;
};

// Where a BAR answers on the bus now.
struct Window {
  unsigned region = 0;  // the BAR's number
  Space space = Space::kMemory;
  std::uint64_t base = 0;
  std::uint64_t size = 0;

  std::uint64_t last() const { return base + (size - 1); }
  friend bool operator==(const Window&, const Window&) = default;
};

class Function : public Device {
 public:
  static constexpr unsigned kConfigRegion = kBarCount;
  // The host's interrupt line that is wired to the function's INTx pin.
  static constexpr unsigned kIntxLine = 0;

  struct Bar {
    BarKind kind = BarKind::kNone;
    std::uint64_t size = 0;  // a power of two
  };

  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) final;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) final;
  void reset() override;

  const std::array<Bar, kBarCount>& bars() const { return bars_; }
  Pin pin() const;
  Host& host() const { return host_; }

  // The BARs that answer now: programmed, and switched on in the command register.
  std::vector<Window> windows() const;
  // Called, under the device lock, after windows() may have changed.
  void set_mapping_listener(std::function<void()> listener) { listener_ = std::move(listener); }

  // What firmware does before an operating system runs (resources.hpp).
  void program_bar(unsigned index, std::uint64_t base);
  void program_interrupt_line(std::uint8_t irq);
  void enable_decoding();
  void mark_multi_function();

 protected:
  Function(Host& host, const Identity& identity);

  // Declarations, in the constructor.
  void add_bar(unsigned index, BarKind kind, std::uint64_t size);
  // Puts the table at TABLE_OFFSET and the pending bits at PENDING_OFFSET of a memory BAR.
  void add_msix(unsigned bar, std::uint64_t table_offset, std::uint64_t pending_offset,
                unsigned vectors);
  void seal() { config_.seal(); }

  // One access to a BAR, outside the MSI-X structures.
  virtual std::uint64_t read_bar(unsigned bar, std::uint64_t offset, Width width) = 0;
  virtual void write_bar(unsigned bar, std::uint64_t offset, Width width, std::uint64_t value) = 0;
  // Called before a read and after a write of configuration space.
  virtual void before_config_read(std::uint64_t /*offset*/, Width /*width*/) {}
  virtual void after_config_write(std::uint64_t /*offset*/, Width /*width*/) {}

  ConfigSpace& config() { return config_; }
  const ConfigSpace& config() const { return config_; }

  // Level of the INTx pin; shown in the status register, and on the wire unless disabled (6.2.2).
  void set_intx(bool asserted);
  bool msix_enabled() const { return msix_ && msix_->enabled(); }
  void notify_msix(unsigned vector);
  unsigned msix_vectors() const { return msix_ ? msix_->vectors() : 0; }

  // Configuration space and MSI-X, for the model's save() and restore(): parse first (throws, see
  // saved_state.hpp), then commit.
  struct Saved {
    std::array<std::uint8_t, kConfigSize> config{};
    std::vector<Msix::Entry> table;
    std::vector<bool> pending;
  };
  State save_function() const;
  Saved parse_function(const State& state) const;
  void commit_function(Saved saved);

 private:
  struct MsixPlace {
    unsigned bar = 0;
    unsigned capability = 0;
    std::uint64_t table = 0;
    std::uint64_t pending = 0;
  };

  std::uint64_t bar_address(unsigned index) const;
  std::optional<Window> window(unsigned index) const;
  void write_config(std::uint64_t offset, Width width, std::uint64_t value);
  void drive_line();
  void mapping_changed();

  Host& host_;
  ConfigSpace config_;
  std::array<Bar, kBarCount> bars_{};
  std::optional<Msix> msix_;
  MsixPlace msix_place_;
  std::function<void()> listener_;
  bool line_driven_ = false;
};

}  // namespace orrery::device::pci
