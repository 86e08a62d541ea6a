// A file in memory below a disk format, which remembers what was written since the last sync: a
// test cuts the power and gets one of the files that may be left.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <fcntl.h>

#include "base/loop/event_loop.hpp"
#include "base/types.hpp"
#include "storage/io/disk_executor.hpp"

namespace orrery::testing {

class MemoryFile {
 public:
  std::vector<std::byte> content;
  std::vector<std::byte> durable;  // as of the last sync
  struct Change {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };
  std::vector<Change> since_sync;
  std::uint64_t operations = 0;
  std::uint64_t syncs = 0;
  std::uint64_t most_bytes = 1_GiB;  // a test's file is small
  bool keeps_changes = true;
  std::function<void()> before_each;  // operation
  // After so many more operations every call fails (EIO).
  std::uint64_t fails_after = UINT64_MAX;

  void start_from(std::vector<std::byte> bytes) {
    content = durable = std::move(bytes);
    since_sync.clear();
  }

  // What a power cut now may leave: each page (4 KiB, what disks write as one) of each change since
  // the last sync is there or not.
  std::vector<std::byte> cut_power(std::mt19937_64& random) const {
    std::vector<std::byte> left = durable;
    const unsigned odds = static_cast<unsigned>(random() % 5);  // of 4: none to all
    for (const Change& change : since_sync) {
      for (std::size_t at = 0; at < change.bytes.size();) {
        const std::uint64_t offset = change.offset + at;
        const std::size_t part =
            std::min<std::uint64_t>(change.bytes.size() - at, 4096 - offset % 4096);
        if (random() % 4 < odds) {
          if (left.size() < offset + part) left.resize(offset + part);
          std::copy_n(change.bytes.begin() + static_cast<std::ptrdiff_t>(at), part,
                      left.begin() + static_cast<std::ptrdiff_t>(offset));
        }
        at += part;
      }
    }
    return left;
  }

  std::int64_t carry_out(const storage::DiskOperation& operation) {
    using Call = storage::DiskOperation::Call;
    if (before_each) before_each();
    if (operations++ >= fails_after) return -EIO;
    switch (operation.call) {
      case Call::kRead: return read(operation);
      case Call::kWrite: return write(operation);
      case Call::kDataSync:
        ++syncs;
        if (keeps_changes) durable = content;
        since_sync.clear();
        return 0;
      case Call::kFallocate: return zero(operation);
      case Call::kWriteBack: return 0;
    }
    return -EINVAL;
  }

 private:
  std::int64_t read(const storage::DiskOperation& operation) const {
    std::uint64_t at = operation.offset;
    for (const iovec& vector : operation.vectors) {
      if (at >= content.size()) break;
      const std::size_t part = std::min<std::uint64_t>(vector.iov_len, content.size() - at);
      std::memcpy(vector.iov_base, &content[at], part);
      at += part;
      if (part < vector.iov_len) break;
    }
    return static_cast<std::int64_t>(at - operation.offset);
  }
  void change(std::uint64_t offset, std::vector<std::byte> bytes) {
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
    if (keeps_changes) since_sync.push_back({offset, std::move(bytes)});
  }
  std::int64_t write(const storage::DiskOperation& operation) {
    std::vector<std::byte> bytes;
    for (const iovec& vector : operation.vectors) {
      const auto* const from = static_cast<const std::byte*>(vector.iov_base);
      bytes.insert(bytes.end(), from, from + vector.iov_len);
    }
    if (operation.offset > most_bytes || bytes.size() > most_bytes - operation.offset)
      return -EFBIG;
    const auto length = static_cast<std::int64_t>(bytes.size());
    change(operation.offset, std::move(bytes));
    return length;
  }
  std::int64_t zero(const storage::DiskOperation& operation) {
    if (operation.offset >= content.size()) return 0;
    const std::uint64_t length = std::min(operation.length, content.size() - operation.offset);
    change(operation.offset, std::vector<std::byte>(length));
    return 0;
  }
};

// Operations complete on the loop, one or several turns later, so that they overtake each other.
class MemoryExecutor final : public storage::DiskExecutor {
 public:
  MemoryExecutor(EventLoop& loop, std::shared_ptr<MemoryFile> file, unsigned seed)
      : loop_(loop), file_(std::move(file)), random_(seed) {}

  void start(storage::DiskOperation& operation) override { later(operation, random_() % 3); }

 private:
  void later(storage::DiskOperation& operation, unsigned turns) {
    loop_.post([this, &operation, turns, alive = std::weak_ptr(alive_)] {
      if (!alive.lock()) return;
      if (turns != 0) return later(operation, turns - 1);
      // Moved out: it may be started again, or end, within.
      const auto done = std::move(operation.done);
      done(file_->carry_out(operation));
    });
  }

  EventLoop& loop_;
  std::shared_ptr<MemoryFile> file_;
  std::minstd_rand random_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::testing
