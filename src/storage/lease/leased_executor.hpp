// A DiskExecutor around another one of a file that has a lease: what changes the file is carried
// out only while it may, and fails afterwards. Private to storage/; on the loop's thread.
#pragma once

#include <memory>
#include <utility>

#include "storage/io/disk_executor.hpp"
#include "storage/lease/lease_keeper.hpp"

namespace orrery::storage {

class LeasedExecutor final : public DiskExecutor {
 public:
  LeasedExecutor(std::unique_ptr<DiskExecutor> executor, std::shared_ptr<LeaseKeeper> lease)
      : lease_(std::move(lease)), executor_(std::move(executor)) {}

  void start(DiskOperation& operation) override;
  std::shared_ptr<DiskQueue> queue() override { return executor_->queue(); }
  Result<> lock(FileLock kind) override { return executor_->lock(kind); }

 private:
  const std::shared_ptr<LeaseKeeper> lease_;
  // Goes first, and waits for what is under way.
  const std::unique_ptr<DiskExecutor> executor_;
};

}  // namespace orrery::storage
