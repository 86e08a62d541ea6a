// An encrypted disk: a port around the port of the disk that holds the volume, of any format.
//
// Data is decrypted where it was read to, and encrypted into memory of our own. Small requests are
// worked on where they are; large ones by threads, as many at a time as the host has processors.
// Zeroes are written encrypted, so they read back as zeroes; a discard is passed on only where the
// header allows it, for it tells those who see the file what is in use.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/loop/worker_pool.hpp"
#include "port/blocks.hpp"
#include "storage/luks/metadata.hpp"
#include "storage/luks/sector_cipher.hpp"
#include "storage/request/task_disk.hpp"

namespace orrery::storage::luks {

class Disk final : public TaskDisk {
 public:
  // Runs the loop, which therefore must not run elsewhere. PATH: for errors.
  static Result<std::unique_ptr<Disk>> open(EventLoop& loop, std::unique_ptr<port::Blocks> volume,
                                            const std::string& path, ByteSpan passphrase);
  ~Disk() override;

  bool read_at_once(const port::BlockRequest& request) override;

 protected:
  Task<Result<>> serve(const port::BlockRequest& request) override;
  Task<Result<port::BlockExtent>> find_extent(std::uint64_t offset, std::uint64_t length) override;
  Task<Result<>> change_size(Bytes size) override;

 private:
  class Worked;
  class Room;
  // Encrypted bytes, which are no secret; aligned for disks that go past the page cache.
  struct FreeAligned {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  using Piece = std::unique_ptr<std::byte, FreeAligned>;

  Disk(EventLoop& loop, std::unique_ptr<port::Blocks> volume, std::string path,
       const Metadata& metadata, std::unique_ptr<SectorCipher> cipher);

  port::BlockRequest below(const port::BlockRequest& request) const;
  Piece take_piece(std::uint64_t length);
  void give_back(Piece piece, std::uint64_t length);
  Task<Result<>> read(const port::BlockRequest& request);
  Task<Result<>> write(const port::BlockRequest& request);
  Task<Result<>> write_zeroes(std::uint64_t offset, std::uint64_t length);
  Task<Result<>> write_piece(std::uint64_t offset, const SectorCipher::Buffers& from,
                             std::uint64_t length);

  EventLoop& loop_;
  std::unique_ptr<port::Blocks> volume_;
  const std::string path_;
  const Segment segment_;
  const bool allow_discards_;
  const std::unique_ptr<SectorCipher> cipher_;
  std::unique_ptr<WorkerPool> workers_;
  std::uint64_t bytes_in_flight_ = 0;  // of what was encrypted and is being written
  Changed room_;
  std::vector<Piece> spare_;  // of large writes: pages that the host need not clear again
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::storage::luks
