#include "storage/io/write_behind.hpp"

#include <algorithm>
#include <utility>

namespace orrery::storage {

void WriteBehind::start(DiskOperation& operation) {
  if (operation.call == DiskOperation::Call::kWrite) note(operation);
  executor_->start(operation);
}

void WriteBehind::note(const DiskOperation& operation) {
  const std::uint64_t length = length_of(operation.vectors);
  filling_.written += length;
  filling_.begin = std::min(filling_.begin, operation.offset);
  filling_.end = std::max(filling_.end, operation.offset + length);
  // While the disk is busy with one, the next gets longer.
  if (filling_.written < kWindow || under_way_) return;
  if (filled_.written != 0) begin_writeback(filled_);
  filled_ = std::exchange(filling_, {});
}

void WriteBehind::begin_writeback(const Window& window) {
  // What the call takes as a length; the sync gets what is beyond.
  constexpr std::uint64_t kMost = 1_GiB;
  writeback_.call = DiskOperation::Call::kWriteBack;
  writeback_.offset = window.begin;
  writeback_.length = std::min(window.end - window.begin, kMost);
  // Errors are the sync's to tell; a file system that cannot do it does nothing.
  writeback_.done = [this](std::int64_t /*result*/) { under_way_ = false; };
  under_way_ = true;
  executor_->start(writeback_);
}

}  // namespace orrery::storage
