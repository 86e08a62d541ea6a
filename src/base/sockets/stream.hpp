// Bytes both ways between a server and one client: a socket, or what stands for it in tests. On the
// loop's thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <sys/uio.h>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/task.hpp"

namespace orrery {

class Stream {
 public:
  virtual ~Stream() = default;

  // Waits for at least one byte; 0: no more will come. One at a time.
  virtual Task<std::size_t> receive(MutableByteSpan to) = 0;
  // Waits until at least one byte went; 0: the client has gone. One at a time.
  virtual Task<std::size_t> send(std::span<const iovec> from) = 0;

  // Open files that came with what was received so far, where the stream takes them.
  virtual std::vector<FileDescriptor> take_descriptors() { return {}; }

  // No more is received, and who waits for it is told so.
  virtual void stop_receiving() = 0;
  // For the end of all: tells the client that nothing more is sent, and waits until it has closed
  // its side, so that nothing that was sent is lost (a socket closed with bytes unread resets the
  // connection).
  virtual Task<Result<>> linger() = 0;
  // Neither is received nor sent any more, and who waits is told so.
  virtual void close() = 0;
};

}  // namespace orrery
