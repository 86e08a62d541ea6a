// What the fuzzers of the NBD server share: a client that sends an input's bytes to a disk in
// memory.
#pragma once

#include <memory>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/loop/event_loop.hpp"
#include "base/sockets/scripted_stream.hpp"
#include "storage/nbd/client_bytes.hpp"
#include "storage/nbd/disk_catalogue.hpp"
#include "storage/nbd/memory_disk.hpp"
#include "storage/nbd/session.hpp"

namespace orrery::fuzz {

class NbdClient {
 public:
  NbdClient(EventLoop& loop, std::size_t most_at_once) : loop_(loop) {
    log::set_level(log::Level::kError);
    stream_.most_at_once = most_at_once;
    std::fill_n(disk_.content.begin(), disk_.content.size() / 2, std::byte{0x5A});
    task_ = session_.serve();
    task_.start([] {});
    run();
  }

  void give(ByteSpan bytes) {
    stream_.give(bytes);
    run();
  }
  // Whatever it sent: a client that leaves is got rid of.
  void end() {
    stream_.leave();
    run();
    ORRERY_ASSERT(task_.done());
  }
  ByteSpan received() const { return stream_.received; }
  testing::MemoryDisk& disk() { return disk_; }

 private:
  void run() {
    while (loop_.poll() != 0) {
    }
  }

  EventLoop& loop_;
  testing::MemoryDisk disk_{loop_, 256_KiB};
  testing::ScriptedStream stream_;
  const std::unique_ptr<storage::nbd::DiskCatalogue> catalogue_ =
      storage::nbd::DiskCatalogue::create(disk_, "disk", "for fuzzing").value();
  storage::nbd::Session session_{loop_, stream_, *catalogue_, "fuzz"};
  Task<Result<>> task_;
};

}  // namespace orrery::fuzz
