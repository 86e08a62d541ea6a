#include "storage/nbd/disk_catalogue.hpp"

#include "base/format.hpp"
#include "storage/nbd/protocol.hpp"

namespace orrery::storage::nbd {
namespace {

class DiskExport final : public Export {
 public:
  DiskExport(port::Blocks& disk, std::string name, std::string description)
      : disk_(disk), name_(std::move(name)), description_(std::move(description)) {}

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  const port::BlockGeometry& geometry() const override { return disk_.geometry(); }
  Sharing sharing() const override { return Sharing::kOneDisk; }
  Task<Result<std::shared_ptr<port::Blocks>>> open() override {
    // Not owned: the disk is there for longer than any client.
    co_return std::shared_ptr<port::Blocks>(std::shared_ptr<void>(), &disk_);
  }

 private:
  port::Blocks& disk_;
  const std::string name_;
  const std::string description_;
};

Result<> check_string(std::string_view what, std::string_view text) {
  if (text.size() > kMostStringBytes) {
    return fail(format("the {} of an export has at most {} bytes", what, kMostStringBytes));
  }
  if (text.find('\0') != std::string_view::npos) {
    return fail(format("the {} of an export has no zero byte in it", what));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<DiskCatalogue>> DiskCatalogue::create(port::Blocks& disk, std::string name,
                                                             std::string description) {
  ORRERY_CHECK(check_string("name", name));
  ORRERY_CHECK(check_string("description", description));
  auto shown = std::make_shared<DiskExport>(disk, std::move(name), std::move(description));
  return std::unique_ptr<DiskCatalogue>(new DiskCatalogue(std::move(shown)));
}

std::shared_ptr<Export> DiskCatalogue::find(std::string_view name) {
  return name.empty() || name == export_->name() ? export_ : nullptr;
}

}  // namespace orrery::storage::nbd
