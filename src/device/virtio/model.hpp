// A device type of virtio (block, network, ...), apart from the transport that connects it: what it
// offers, its configuration registers, and what it does with its queues.
//
// Core (core.hpp) drives it. All calls come with the device lock held.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/width.hpp"
#include "device/device.hpp"
#include "device/virtio/registers.hpp"

namespace orrery::device::virtio {

class Core;

class Model {
 public:
  virtual ~Model() = default;

  virtual std::string_view name() const = 0;
  virtual DeviceType type() const = 0;

  // The features of the type that this device offers, and whether a driver's choice among all
  // that were offered is one that the type allows (its "Feature bit requirements").
  virtual Features features() const = 0;
  virtual bool accepts(Features /*chosen*/) const { return true; }

  virtual unsigned queue_count() const = 0;
  virtual std::uint16_t queue_size(unsigned index) const = 0;

  // Device configuration (2.5), as a structure in bytes. write_config may ignore the write.
  virtual ByteSpan config() = 0;
  virtual void write_config(std::uint64_t /*offset*/, Width /*width*/, std::uint64_t /*value*/) {}

  // Once, before anything else. The core outlives the model's use of it.
  virtual void attach(Core& core) = 0;

  // The driver is ready (DRIVER_OK), with these features; queues are live.
  virtual void start(Features chosen) = 0;
  // A queue may have new chains. Runs on the I/O loop or, where works_at_once() said so, on the
  // thread of the vCPU that said it.
  virtual void process(unsigned queue) = 0;
  // Whether process() will probably finish what it takes without waiting for anything, in less time
  // than it takes to wake the I/O loop (some 10 microseconds).
  virtual bool works_at_once() const { return false; }
  // The device is being reset: forget the driver's requests and settings. True when none is still
  // with a port; otherwise Core::stopped() is called when the last has come back.
  virtual bool stop() = 0;

  // What Core does not save: settings of the driver and requests in flight. restore() comes after
  // the core's status and queues were restored, in place of start(), whether the device is live or
  // not; it throws as read_state() expects, before it changes anything.
  virtual State save() const = 0;
  // The same without requests: what the driver has told the model, and what else stays from one
  // request to the next. A started model elsewhere that adopts them goes on with the next request.
  // They may come from another host: adopt_settings() throws as restore() does, and does not trust
  // them.
  virtual State settings() const;
  virtual void adopt_settings(const State& settings, Features chosen);
  virtual void restore(const State& state, Features chosen) = 0;
};

}  // namespace orrery::device::virtio
