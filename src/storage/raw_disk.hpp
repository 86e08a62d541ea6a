// A disk whose content is a file or a block device, byte for byte, served by io_uring
// (io_uring(7)).
//
// The file is locked for as long as the disk is open: shared by readers, exclusive for a writer, so
// that two VMs never write the same image (open file description locks, fcntl(2)).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"

namespace orrery::storage {

struct RawDiskOptions {
  std::string path;
  bool read_only = false;
  // O_DIRECT: past the host's page cache. Requests that are not aligned for it are copied.
  bool direct = false;
  // What is written is sent on its way to the disk soon, not first when a flush asks for it: for
  // copies of whole disks (io/write_behind.hpp).
  bool write_behind = false;
  std::string serial;  // at most 20 printable ASCII characters
  // Nobody said that it is raw, it only looks so: a write that would make it look like an image of
  // another format fails, so that a guest can not have the host's other files opened as parts of it
  // the next time (docs/decisions/0006).
  bool stays_raw = false;
};

// Completions are made on the loop. Requests that are in flight when the disk is destroyed are
// waited for and then dropped without completion.
Result<std::unique_ptr<port::Blocks>> open_raw_disk(EventLoop& loop, const RawDiskOptions& options);

// Whether this host lets us use io_uring; without it disks use a thread each, which is slower.
Result<> probe_io_uring();

}  // namespace orrery::storage
