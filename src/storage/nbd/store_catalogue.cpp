#include "storage/nbd/store_catalogue.hpp"

#include <utility>

#include "base/format.hpp"
#include "base/log.hpp"
#include "storage/scratch_disk.hpp"
#include "storage/store/store_disk.hpp"
#include "store/segmenter.hpp"

namespace orrery::storage::nbd {

// An image for all who read it.
class StoreCatalogue::Shared final : public Export {
 public:
  Shared(StoreCatalogue& catalogue, std::string image, const store::Manifest& manifest)
      : catalogue_(catalogue),
        name_(std::move(image)),
        description_(format("image of {} MiB, {}", manifest.size >> 20, to_hex(manifest.content))),
        content_(to_hex(manifest.content)) {
    geometry_.size = Bytes(manifest.size);
    geometry_.physical_block_size = store::kBlock;
    geometry_.read_only = true;
  }

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  const port::BlockGeometry& geometry() const override { return geometry_; }
  Sharing sharing() const override { return Sharing::kOneDisk; }
  Task<Result<std::shared_ptr<port::Blocks>>> open() override { co_return open_disk(); }

  Result<std::shared_ptr<port::Blocks>> open_disk();

 private:
  StoreCatalogue& catalogue_;
  const std::string name_;
  const std::string description_;
  const std::string content_;
  port::BlockGeometry geometry_;
};

Result<std::shared_ptr<port::Blocks>> StoreCatalogue::Shared::open_disk() {
  std::weak_ptr<port::Blocks>& kept = catalogue_.open_[name_ + " " + content_];
  if (auto disk = kept.lock()) return disk;
  const std::string path = format("{}{}/{}", kStorePrefix, catalogue_.store_->path(), name_);
  auto opened = open_store_disk(catalogue_.loop_, path, "");
  if (!opened) {
    log::error("{}: {}", path, opened.error().message());
    return fail("this image cannot be read; the server's log says why");
  }
  if ((*opened)->geometry().size != geometry_.size) return fail("this image was just replaced");
  std::shared_ptr<port::Blocks> disk = std::move(*opened);
  kept = disk;
  std::erase_if(catalogue_.open_, [](const auto& each) { return each.second.expired(); });
  return disk;
}

// An image with what one client has written over it.
class StoreCatalogue::Copy final : public Export {
 public:
  Copy(StoreCatalogue& catalogue, std::shared_ptr<Shared> original)
      : catalogue_(catalogue),
        original_(std::move(original)),
        name_(std::string(kCopyPrefix) + original_->name()),
        description_("the same to write to, for each client its own, until it leaves"),
        geometry_(original_->geometry()) {
    geometry_.read_only = false;
    geometry_.can_discard = geometry_.can_write_zeroes = true;
  }

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  const port::BlockGeometry& geometry() const override { return geometry_; }
  Sharing sharing() const override { return Sharing::kDiskOfItsOwn; }
  Task<Result<std::shared_ptr<port::Blocks>>> open() override {
    auto below = original_->open_disk();
    if (!below) co_return fail(below.error());
    auto disk = create_scratch_disk(catalogue_.loop_, std::move(*below), catalogue_.scratch_);
    if (disk) co_return std::shared_ptr<port::Blocks>(std::move(*disk));
    log::error("{}: {}", name_, disk.error().message());
    co_return fail("the server has no room for a copy; its log says why");
  }

 private:
  StoreCatalogue& catalogue_;
  const std::shared_ptr<Shared> original_;
  const std::string name_;
  const std::string description_;
  port::BlockGeometry geometry_;
};

std::vector<std::shared_ptr<Export>> StoreCatalogue::list() {
  std::vector<std::shared_ptr<Export>> exports;
  const auto images = store_->images();
  if (!images) {
    log::error("{}", images.error().message());
    return exports;
  }
  for (const std::string& image : *images) {
    for (const std::string& name : {image, std::string(kCopyPrefix) + image}) {
      if (auto found = find(name)) exports.push_back(std::move(found));
    }
  }
  return exports;
}

std::shared_ptr<Export> StoreCatalogue::find(std::string_view name) {
  const bool copies = name.starts_with(kCopyPrefix);
  const std::string image(copies ? name.substr(kCopyPrefix.size()) : name);
  if (!store::check_name(image)) return nullptr;
  const auto manifest = store_->find_manifest(image);
  if (!manifest) {
    log::error("{}", manifest.error().message());
    return nullptr;
  }
  if (!*manifest) return nullptr;
  auto shared = std::make_shared<Shared>(*this, image, **manifest);
  if (!copies) return shared;
  return std::make_shared<Copy>(*this, std::move(shared));
}

}  // namespace orrery::storage::nbd
