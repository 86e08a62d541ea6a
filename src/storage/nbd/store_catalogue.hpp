// A catalogue of a store's images: each by its name, only to be read, and as "copy/NAME", to which
// a client writes for itself, until it leaves.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop/event_loop.hpp"
#include "storage/nbd/catalogue.hpp"
#include "store/store.hpp"

namespace orrery::storage::nbd {

class StoreCatalogue final : public Catalogue {
 public:
  static constexpr std::string_view kCopyPrefix = "copy/";

  // SCRATCH: the folder where copies take room for what is written to them.
  StoreCatalogue(EventLoop& loop, std::unique_ptr<store::Store> store, std::string scratch)
      : loop_(loop), store_(std::move(store)), scratch_(std::move(scratch)) {}

  // Images that cannot be read are left out, and the log tells of them.
  std::vector<std::shared_ptr<Export>> list() override;
  std::shared_ptr<Export> find(std::string_view name) override;

 private:
  class Shared;
  class Copy;

  EventLoop& loop_;
  const std::unique_ptr<store::Store> store_;
  const std::string scratch_;
  // As long as a client has it, all who read an image have one disk; by name and content.
  std::map<std::string, std::weak_ptr<port::Blocks>> open_;
};

}  // namespace orrery::storage::nbd
