// MSI-X: a table of messages and their pending bits, in part of a function's BAR (PCI 3.0, 6.8.2).
#pragma once

#include <cstdint>
#include <vector>

#include "base/width.hpp"
#include "device/device.hpp"
#include "device/host.hpp"

namespace orrery::device::pci {

class Msix {
 public:
  struct Entry {
    std::uint64_t address = 0;
    std::uint32_t data = 0;
    std::uint32_t control = 0;
  };

  Msix(Host& host, unsigned vectors);

  unsigned vectors() const { return static_cast<unsigned>(table_.size()); }
  std::uint64_t table_size() const;
  std::uint64_t pending_size() const;

  // Sends the vector's message, or marks it pending while it is masked. Vectors beyond the table
  // do nothing.
  void notify(unsigned vector);

  // Message control as the guest wrote it: kMsixEnable and kMsixFunctionMask.
  void set_control(std::uint16_t control);
  bool enabled() const { return enabled_; }

  std::uint64_t read_table(std::uint64_t offset, Width width) const;
  void write_table(std::uint64_t offset, Width width, std::uint64_t value);
  std::uint64_t read_pending(std::uint64_t offset, Width width) const;

  void reset();
  State save() const;
  // Throws as read_state() expects; the caller commits with operator=-like swap.
  static std::vector<Entry> entries_from(const State& state);
  static std::vector<bool> pending_from(const State& state);
  void restore(std::vector<Entry> table, std::vector<bool> pending, std::uint16_t control);

 private:
  void write_field(std::uint64_t offset, std::uint32_t value);
  std::uint32_t field(std::uint64_t offset) const;
  void deliver_if_unmasked(unsigned vector);

  Host& host_;
  std::vector<Entry> table_;
  std::vector<bool> pending_;
  bool enabled_ = false;
  bool function_masked_ = false;
};

}  // namespace orrery::device::pci
