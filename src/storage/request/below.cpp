#include "storage/request/below.hpp"

#include <algorithm>

#include "storage/request/read_below.hpp"
#include "storage/request/submitted.hpp"

namespace orrery::storage {
namespace {

class DiskBelow final : public Below {
 public:
  explicit DiskBelow(std::unique_ptr<port::Blocks> disk)
      : disk_(std::move(disk)), size_(disk_->geometry().size.value()) {}

  std::uint64_t size() const override { return size_; }
  Task<Result<>> read(std::uint64_t offset, std::uint64_t length, BufferCursor& to) override {
    return read_below(disk_.get(), offset, length, to);
  }
  Task<Result<BelowExtent>> map(std::uint64_t offset, std::uint64_t length) override {
    if (offset >= size_) co_return BelowExtent{.length = length, .zeroes = true};
    const Result<port::BlockExtent> extent =
        co_await Mapped(*disk_, offset, std::min(length, size_ - offset));
    if (!extent) co_return fail(extent.error());
    co_return BelowExtent{.length = extent->length, .zeroes = extent->zeroes};
  }
  void stop() override { disk_.reset(); }
  std::unique_ptr<port::Blocks> take_disk() override { return std::move(disk_); }

 private:
  std::unique_ptr<port::Blocks> disk_;
  const std::uint64_t size_;
};

}  // namespace

std::unique_ptr<Below> create_disk_below(std::unique_ptr<port::Blocks> disk) {
  return std::make_unique<DiskBelow>(std::move(disk));
}

}  // namespace orrery::storage
