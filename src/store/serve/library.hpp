// What of a store is given out: its list, and its images and packs, which stay open for a while, so
// that a client that has begun with an image can finish although the image is removed and
// collected.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/image.hpp"
#include "store/store.hpp"

namespace orrery::store::serve {

// An image as it was at one time.
struct OpenImage {
  std::vector<std::byte> manifest;  // its file
  std::string etag;                 // of that, in quotes
  std::unique_ptr<Image> image;
};

// Any thread, several at a time.
class Library {
 public:
  // Packs that are open in all, so that 1,024 files of a process are enough.
  static constexpr std::size_t kMostPacks = 400;

  explicit Library(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  const std::string& path() const { return store_->path(); }

  // JSON: {"images": [{"name", "size", "data", "created", "content", "tags"}...]}. Images that
  // cannot be read are left out, and the log tells of them.
  Result<std::string> list();
  // nullptr: there is none of this name.
  Result<std::shared_ptr<const OpenImage>> image(const std::string& name);
  // nullptr: there is none. The file is held by what comes back.
  Result<std::shared_ptr<const StoredFile>> pack(const Digest& id);

 private:
  Result<std::optional<std::vector<std::byte>>> read_manifest_file(const std::string& name);
  void keep(std::shared_ptr<const OpenImage> opened);

  std::mutex mutex_;
  const std::unique_ptr<Store> store_;  // used with mutex_ held
  // Guarded by mutex_; the latest first, and of one name perhaps several.
  std::list<std::shared_ptr<const OpenImage>> kept_;
};

}  // namespace orrery::store::serve
