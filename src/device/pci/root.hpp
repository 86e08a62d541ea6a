// PCI bus 0: its slots, configuration mechanism #1, and where each function's BARs answer.
//
// Root is itself a device: region 0 is the ports 0CF8h to 0CFFh, with the Reset Control Register at
// 0CF9h. The machine makes every function with a Host of its own, attaches it, and asks find_port()
// and find_memory() for accesses that nothing else claims.
//
// Threads: find_*() and windows() may be called from any thread and never take a device's lock. An
// access to a function's configuration space takes that function's device lock (inside Root's own);
// the machine calls Function::read and write for BAR accesses under that lock as for any device.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/guarded.hpp"
#include "base/types.hpp"
#include "device/device.hpp"
#include "device/host.hpp"
#include "device/pci/function.hpp"

namespace orrery::device::pci {

// Place of a function on bus 0.
struct Address {
  std::uint8_t slot = 0;      // 0 to 31
  std::uint8_t function = 0;  // 0 to 7
  friend auto operator<=>(const Address&, const Address&) = default;
};

// An address resolved: call function->read(region, offset, ...) under its device lock.
struct Located {
  Function* function = nullptr;
  unsigned region = 0;
  std::uint64_t offset = 0;
};

struct MappedWindow {
  Function* function = nullptr;
  Window window;
};

class Root final : public Device {
 public:
  explicit Root(Host& host) : host_(host) {}

  // Puts a function, which must outlive the root, into a free place. A slot with functions 1 to 7
  // must have a function 0.
  Result<> attach(Address address, Function& function);
  Function* function(Address address) const;
  // All attached functions in order of their addresses.
  std::vector<std::pair<Address, Function*>> functions() const;

  // Resolves a port or memory address; nothing when no BAR answers there.
  std::optional<Located> find_port(std::uint16_t port) const;
  std::optional<Located> find_memory(GuestPhysical address) const;
  // All BARs that answer now, for the bus to cache.
  std::vector<MappedWindow> windows() const;
  // Called after windows() changed, with a function's device lock held: must only note the fact.
  void set_change_listener(std::function<void()> listener) { changed_ = std::move(listener); }

  std::string_view name() const override { return "pci-root"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  std::optional<Located> locate(Space space, std::uint64_t address) const;
  Function* selected() const;
  void write_reset_control(std::uint8_t value);
  void refresh(Function& function);

  Host& host_;
  std::array<std::array<Function*, kFunctionCount>, kSlotCount> slots_{};
  mutable Guarded<std::vector<MappedWindow>> windows_;
  std::function<void()> changed_;
  std::uint32_t config_address_ = 0;
  std::uint8_t reset_control_ = 0;
};

}  // namespace orrery::device::pci
