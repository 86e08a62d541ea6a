// Something that executes a test: the host's own processor, the interpreter, later the translator
// and KVM. One executor at a time and one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "isa/snapshot.hpp"

namespace orrery::isa {

enum class Mode : std::uint8_t {
  kUser64,       // ring 3, 64-bit code
  kUser32,       // ring 3, 32-bit code under long mode ("compatibility")
  kSupervisor64  // ring 0, 64-bit code
};

constexpr bool is_32bit(Mode mode) {
  return mode == Mode::kUser32;
}

class Executor {
 public:
  virtual ~Executor() = default;

  virtual std::string_view name() const = 0;
  virtual bool supports(Mode mode) const = 0;

  // Places code at kCodeBase + OFFSET; it ends with a jump to the mode's hole in the exit page.
  virtual void load_code(std::uint64_t offset, std::span<const std::byte> code) = 0;

  // The kDataSize bytes at kDataBase; written before a run, read after it.
  virtual std::span<std::byte> data() = 0;

  // Starts at START.rip and runs to the exit page or to the first exception.
  virtual Outcome run(Mode mode, const Snapshot& start) = 0;
};

}  // namespace orrery::isa
