// Port space and device memory: which device answers where, and how an access reaches it.
//
// A region says how wide an access its device takes: a wider or unaligned one is split into halves,
// down to bytes, as the bus bridges of a PC do. What nobody claims reads as all ones and ignores
// writes. PCI functions' BARs, which move, are asked for after the fixed regions.
//
// Threads: regions are added before vCPUs run; read() and write() are for any thread. The device's
// lock is held during its part of an access, and no other.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/types.hpp"
#include "base/width.hpp"
#include "device/device.hpp"
#include "device/pci/root.hpp"

namespace orrery::machine {

enum class Space : std::uint8_t { kPorts, kMemory };

struct BusRegion {
  Space space = Space::kPorts;
  std::uint64_t base = 0;
  std::uint64_t size = 0;
  Width widest = Width::k8;  // of one access that the device takes
  device::Device* device = nullptr;
  std::mutex* lock = nullptr;
  unsigned region = 0;  // of the device
};

class Bus {
 public:
  // ROOT outlives the bus.
  explicit Bus(const device::pci::Root& root) : root_(root) {}

  // Regions of one space must not overlap.
  void add(const BusRegion& region);

  // AFTER answers in all regions of BEFORE, which may be gone. Before vCPUs run.
  void replace(const device::Device* before, device::Device& after);

  std::uint64_t read(Space space, std::uint64_t address, Width width) const;
  void write(Space space, std::uint64_t address, Width width, std::uint64_t value) const;

 private:
  struct Target {
    device::Device* device = nullptr;
    std::mutex* lock = nullptr;
    unsigned region = 0;
    std::uint64_t offset = 0;
    std::uint64_t left = 0;  // bytes from offset to the region's end
    Width widest = Width::k8;
  };

  std::optional<Target> find(Space space, std::uint64_t address) const;
  std::optional<Target> find_pci(Space space, std::uint64_t address) const;
  // Whether the target takes the access whole.
  static bool takes(const Target& target, std::uint64_t address, Width width);

  const device::pci::Root& root_;
  std::vector<BusRegion> regions_[2];  // by space, sorted by base
};

}  // namespace orrery::machine
