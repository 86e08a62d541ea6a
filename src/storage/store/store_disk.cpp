#include "storage/store/store_disk.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/loop/worker_pool.hpp"
#include "storage/request/request_check.hpp"
#include "storage/store/image_requests.hpp"
#include "store/segmenter.hpp"

namespace orrery::storage {
namespace {

class StoreDisk final : public port::Blocks {
 public:
  StoreDisk(EventLoop& loop, std::string path, std::unique_ptr<store::Image> image,
            std::string serial)
      : loop_(loop), path_(std::move(path)), image_(std::move(image)) {
    geometry_.size = Bytes(image_->size());
    geometry_.physical_block_size = store::kBlock;
    geometry_.read_only = true;
    geometry_.serial = std::move(serial);
  }

  const store::Image& image() const { return *image_; }
  const port::BlockGeometry& geometry() const override { return geometry_; }

  void submit(port::BlockRequest request, Completion completion) override {
    const Result<> checked = check_request(request, geometry_, path_);
    if (!checked || request.kind == port::BlockRequest::Kind::kFlush) {
      return answer(std::move(completion), checked);
    }
    workers_.post(
        [this, request = std::move(request), completion = std::move(completion)]() mutable {
          answer(std::move(completion), read_image(*image_, request));
        });
  }

  void map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) override {
    const std::uint64_t size = image_->size();
    Result<port::BlockExtent> found = fail(
        format("{}: {} bytes at {} lie outside the disk of {} bytes", path_, length, offset, size));
    if (offset < size && length != 0) {
      const store::Image::Stretch stretch = image_->stretch_at(offset);
      found = port::BlockExtent{.length = std::min(length, stretch.length),
                                .allocated = true,
                                .zeroes = stretch.zeroes,
                                .host_offset = std::nullopt};
    }
    answer(std::move(completion), std::move(found));
  }

  void resize(Bytes /*size*/, Completion completion) override {
    answer(std::move(completion), Result<>(fail(path_ + ": an image of a store keeps its size")));
  }

 private:
  template <typename Answer, typename T>
  void answer(Answer completion, Result<T> result) {
    answer_on_loop(loop_, alive_, std::move(completion), std::move(result));
  }

  EventLoop& loop_;
  const std::string path_;
  const std::unique_ptr<store::Image> image_;
  port::BlockGeometry geometry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  WorkerPool workers_{processors()};  // the last: they end first
};

}  // namespace

Result<StorePath> parse_store_path(std::string_view path) {
  const std::string_view rest = path.substr(kStorePrefix.size());
  const std::size_t slash = rest.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size()) {
    return fail(
        format("\"{}\" names no image; write store:DIR/NAME, such as store:images/debian", path));
  }
  return StorePath{std::string(rest.substr(0, slash)), std::string(rest.substr(slash + 1))};
}

Result<std::unique_ptr<port::Blocks>> open_store_disk(EventLoop& loop, const std::string& path,
                                                      const std::string& serial) {
  ORRERY_TRY(const StorePath named, parse_store_path(path));
  ORRERY_TRY(const auto opened, store::Store::open(store::host_files(named.folder)));
  ORRERY_TRY(auto image, store::Image::open(*opened, named.image, {}));
  return std::make_unique<StoreDisk>(loop, path, std::move(image), serial);
}

DiskIdentity identity_of_image(const store::Image& image) {
  DiskIdentity identity;
  identity.kind = DiskIdentity::Kind::kIdentifier;
  const store::Digest& content = image.manifest().content;
  std::copy_n(content.bytes.begin(), identity.identifier.size(), identity.identifier.begin());
  return identity;
}

DiskIdentity identity_of_store_disk(const port::Blocks& disk) {
  const auto* const found = dynamic_cast<const StoreDisk*>(&disk);
  return found == nullptr ? DiskIdentity{} : identity_of_image(found->image());
}

}  // namespace orrery::storage
