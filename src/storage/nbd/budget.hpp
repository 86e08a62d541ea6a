// Bytes of memory that one client may hold. Private to storage/nbd/; on the loop's thread.
//
//   while (!budget.has_room(size)) co_await budget.changed();
//   budget.take(size);
#pragma once

#include <cstdint>

#include "base/loop/task.hpp"

namespace orrery::storage::nbd {

class Budget {
 public:
  explicit Budget(std::uint64_t limit) : limit_(limit) {}

  // One taker always gets what it needs.
  bool has_room(std::uint64_t bytes) const { return used_ == 0 || used_ + bytes <= limit_; }
  std::uint64_t used() const { return used_; }
  void take(std::uint64_t bytes) { used_ += bytes; }
  void give_back(std::uint64_t bytes) {
    used_ -= bytes;
    changed_.notify_all();
  }
  Changed& changed() { return changed_; }

 private:
  const std::uint64_t limit_;
  std::uint64_t used_ = 0;
  Changed changed_;
};

}  // namespace orrery::storage::nbd
