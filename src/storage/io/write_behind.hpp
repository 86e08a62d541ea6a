// A DiskExecutor around another one that sends what is written on its way to the disk soon, rather
// than when a sync asks for all of it: for copies of whole disks, which end with a sync that would
// otherwise do all the writing while nobody copies. It only begins (sync_file_range(2)): what is
// durable, and which errors a sync tells, stays as it is. Private to storage/; on the loop's
// thread.
#pragma once

#include <memory>

#include "storage/io/disk_executor.hpp"

namespace orrery::storage {

class WriteBehind final : public DiskExecutor {
 public:
  // Bytes that are written before they are sent on their way, and kept back once more until so many
  // others were: what was started is in memory by then. Twice what a copy has in flight.
  static constexpr std::uint64_t kWindow = 32_MiB;

  explicit WriteBehind(std::unique_ptr<DiskExecutor> executor) : executor_(std::move(executor)) {}

  void start(DiskOperation& operation) override;
  std::shared_ptr<DiskQueue> queue() override { return executor_->queue(); }
  Result<> lock(FileLock kind) override { return executor_->lock(kind); }

 private:
  // Bytes of the file that were written, and what lies between them.
  struct Window {
    std::uint64_t written = 0;
    std::uint64_t begin = UINT64_MAX;
    std::uint64_t end = 0;
  };
  void note(const DiskOperation& operation);
  void begin_writeback(const Window& window);

  Window filling_;
  Window filled_;
  DiskOperation writeback_;
  bool under_way_ = false;  // writeback_
  // Goes first, and waits for writeback_.
  const std::unique_ptr<DiskExecutor> executor_;
};

}  // namespace orrery::storage
