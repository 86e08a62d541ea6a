// A catalogue of one disk, which all clients share.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "port/blocks.hpp"
#include "storage/nbd/catalogue.hpp"

namespace orrery::storage::nbd {

class DiskCatalogue final : public Catalogue {
 public:
  // DISK outlives the catalogue and all who were served from it. Clients find it by NAME and by the
  // empty name. Fails where NAME or DESCRIPTION is none that the protocol has.
  static Result<std::unique_ptr<DiskCatalogue>> create(port::Blocks& disk, std::string name,
                                                       std::string description);

  std::vector<std::shared_ptr<Export>> list() override { return {export_}; }
  std::shared_ptr<Export> find(std::string_view name) override;

 private:
  explicit DiskCatalogue(std::shared_ptr<Export> shown) : export_(std::move(shown)) {}
  std::shared_ptr<Export> export_;
};

}  // namespace orrery::storage::nbd
