// Seam 2: what a device model is plugged into. In a VMM it is bound to the machine; in a device
// server, to the network.
//
// Every device has its own Host, and with it its own lock: the owner of a device serializes all
// calls into it (accesses, timers, posted work, port callbacks made with serialized()), so that a
// device model needs no lock of its own. The lock is never held while anything waits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "device/timer.hpp"

namespace orrery::device {

enum class DmaDirection : std::uint8_t {
  kFromGuest,  // the device reads guest memory
  kToGuest,    // the device writes guest memory
};

enum class PowerRequest : std::uint8_t { kOff, kReset };

// Guest memory that a device works on in place until it unmaps it.
struct DmaSpan {
  GuestPhysical address;
  MutableByteSpan bytes;
  DmaDirection direction = DmaDirection::kFromGuest;
};

class Host {
 public:
  virtual ~Host() = default;

  // Level of the device's interrupt output LINE, numbered from 0 as the device's documentation
  // says.
  virtual void set_line(unsigned line, bool asserted) = 0;

  // A message-signalled interrupt (SDM vol. 3A, 11.11).
  virtual void send_msi(std::uint64_t address, std::uint32_t data) = 0;

  // Copies to and from guest RAM; false, and nothing copied, where the range is not RAM throughout.
  [[nodiscard]] virtual bool dma_read(GuestPhysical address, MutableByteSpan destination) = 0;
  [[nodiscard]] virtual bool dma_write(GuestPhysical address, ByteSpan source) = 0;

  // Guest RAM to work on in place, or nothing where the range is not RAM throughout. What was put
  // into a kToGuest span is the guest's at dma_unmap().
  virtual std::optional<DmaSpan> dma_map(GuestPhysical address, std::uint64_t size,
                                         DmaDirection direction) = 0;
  virtual void dma_unmap(const DmaSpan& span) = 0;

  // The machine's time.
  virtual Ticks now() = 0;
  virtual std::unique_ptr<Timer> create_timer(std::function<void()> ring) = 0;

  // Runs `work` soon on the I/O loop with the device's lock held.
  virtual void post(std::function<void()> work) = 0;

  // Says that a write at OFFSET of REGION, whatever its width and value, may as well be posted
  // work: where the host can do so, `work` runs on the I/O loop with the device's lock held, once
  // for one or several writes, and Device::write() is not called for them. The vCPU then need not
  // wait. Where it can not, Device::write() is called as ever. For the device's whole life; to be
  // called in its constructor.
  virtual void allow_posted_write(unsigned /*region*/, std::uint64_t /*offset*/,
                                  std::function<void()> /*work*/) {}

  virtual void request_power(PowerRequest request) = 0;

  virtual std::mutex& device_lock() = 0;

  // Wraps a port callback so that it enters the device with its lock held.
  template <typename Function>
  auto serialized(Function function) {
    return [this, function = std::move(function)](auto&&... arguments) mutable -> decltype(auto) {
      const std::lock_guard lock(device_lock());
      return function(std::forward<decltype(arguments)>(arguments)...);
    };
  }
};

}  // namespace orrery::device
