#include "storage/vhdx/file_space.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "storage/vhdx/layout.hpp"

namespace orrery::storage::vhdx {

std::optional<std::pair<FileSpace::Use, FileSpace::Use>> FileSpace::reset(std::vector<Use> uses,
                                                                          std::uint64_t file_size) {
  std::sort(uses.begin(), uses.end(),
            [](const Use& left, const Use& right) { return left.offset < right.offset; });
  free_.clear();
  std::uint64_t end = 0;
  const Use* before = nullptr;
  for (const Use& use : uses) {
    if (use.length == 0) continue;
    if (before != nullptr && use.offset < end) return std::pair{*before, use};
    if (use.offset > end) free_.emplace(end, use.offset - end);
    end = use.offset + align_up(use.length, kUnit);
    before = &use;
  }
  end_ = std::max(end, align_up(file_size, kUnit));
  if (end_ > end) free_.emplace(end, end_ - end);
  return std::nullopt;
}

FileSpace::Place FileSpace::allocate(std::uint64_t length) {
  for (auto at = free_.begin(); at != free_.end(); ++at) {
    const auto [offset, there] = *at;
    if (there < length) continue;
    free_.erase(at);
    if (there > length) free_.emplace(offset + length, there - length);
    return {offset, false};
  }
  const std::uint64_t offset = end_;
  end_ += length;
  return {offset, true};
}

void FileSpace::release(std::uint64_t offset, std::uint64_t length) {
  auto next = free_.lower_bound(offset);
  if (next != free_.end() && offset + length == next->first) {
    length += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += length;
      return;
    }
  }
  free_.emplace(offset, length);
}

}  // namespace orrery::storage::vhdx
