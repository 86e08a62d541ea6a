// A device model: the registers that a guest sees, and how they behave.
//
// A device names no backend, no hypervisor and no socket: it knows its Host (host.hpp) and its
// ports. Its owner serializes all calls. It has regions of registers, numbered from 0 in the order
// that its documentation gives; where they appear on the bus is the machine's business.
#pragma once

#include <cstdint>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/error.hpp"
#include "base/width.hpp"

namespace orrery::device {

// A device's saved state: a tree of named fields with a "version" (ARCHITECTURE.md, "Pause, save,
// move").
using State = nlohmann::json;

class Device {
 public:
  virtual ~Device() = default;

  // The model's name, as configuration, logs and saved states write it: "uart16550".
  virtual std::string_view name() const = 0;

  // One access by a vCPU, OFFSET bytes into REGION. What the hardware leaves undefined reads as all
  // ones and ignores writes; no access ends the process. The value is in the low bits; read()
  // returns no more than WIDTH holds.
  virtual std::uint64_t read(unsigned region, std::uint64_t offset, Width width) = 0;
  virtual void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) = 0;

  // Back to the state after power-up.
  virtual void reset() = 0;

  // The complete state, and back. restore() refuses a tree of another version or shape, and then
  // changes nothing.
  virtual State save() const = 0;
  virtual Result<> restore(const State& state) = 0;
};

}  // namespace orrery::device
