// A stream of bytes in both directions with flow control: serial lines and virtio-console ports.
// See contract.hpp.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "port/contract.hpp"

namespace orrery::port {

class Console {
 public:
  virtual ~Console() = default;

  // Takes as many of the guest's bytes as there is room for, and returns how many. After less than
  // all was taken, `writable` is called once there is room again.
  virtual std::size_t write(ByteSpan bytes) = 0;

  // Moves bytes that came from outside into `destination` and returns how many; 0 when none are
  // waiting.
  virtual std::size_t read(MutableByteSpan destination) = 0;

  // `readable`: bytes have arrived since read() last returned less than was asked for.
  virtual void set_callbacks(Notify readable, Notify writable) = 0;
};

}  // namespace orrery::port
