// An image store: a folder with many related disks, in which equal segments are kept once.
//
//   packs/     segments (pack_table.hpp)           images/   one file an image (manifest.hpp)
//   incoming/  what writers have not published     lock      held while images/ changes
//   orrery-store  the version                      gc        held by the one collection at a time
//
// Readers take no lock and are never in the way. Any number of writers, readers and one collection
// may be at work, in as many processes; whatever ends them, each image that was published stays
// whole (docs/rooms/store.md has the order of writes). A Store is used by one thread at a time,
// except for files().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/files.hpp"
#include "store/manifest.hpp"

namespace orrery::store {

inline const std::string kImages = "images";
inline const std::string kIncoming = "incoming";
inline const std::string kLockFile = "lock";
inline const std::string kCollectionLock = "gc";
inline const std::string kVersionFile = "orrery-store";

inline std::string image_name(const std::string& name) {
  return kImages + "/" + name;
}

class Store {
 public:
  // Must be one.
  static Result<std::unique_ptr<Store>> open(std::unique_ptr<Files> files);
  // A folder that is not there yet, or empty, or already a store.
  static Result<std::unique_ptr<Store>> create(std::unique_ptr<Files> files);

  Files& files() const { return *files_; }
  const std::string& path() const { return files_->path(); }

  Result<std::vector<std::string>> images() const;
  // Errors name the image.
  Result<Manifest> read_manifest(const std::string& name) const;
  // `nullopt`: there is no such image.
  Result<std::optional<Manifest>> find_manifest(const std::string& name) const;

  // The image is gone when this returns; the space comes back with the next collection.
  Result<> remove(const std::string& name);
  // Adds and removes tags of an image.
  Result<> tag(const std::string& name, const std::vector<std::string>& added,
               const std::vector<std::string>& removed);

  // Held while images/ changes: waits for who has it.
  Result<std::unique_ptr<FileLock>> lock_images();
  // Durable when this returns, at once in place of what had the name. Under lock_images().
  Result<> put_manifest(const std::string& name, const Manifest& manifest,
                        const std::string& incoming_prefix);

 private:
  explicit Store(std::unique_ptr<Files> files) : files_(std::move(files)) {}
  const std::unique_ptr<Files> files_;
};

// What a writer has in incoming/ until it is published: removed at the end, or by a collection once
// the process has died. Files are called prefix() and more.
class Lease {
 public:
  static Result<std::unique_ptr<Lease>> take(Files& files);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const std::string& prefix() const { return prefix_; }

 private:
  Lease(Files& files, std::string prefix, std::unique_ptr<FileLock> lock)
      : files_(files), prefix_(std::move(prefix)), lock_(std::move(lock)) {}

  Files& files_;
  const std::string prefix_;
  std::unique_ptr<FileLock> lock_;
};

// Removes what writers that have died left in incoming/.
Result<> sweep_incoming(Files& files);

}  // namespace orrery::store
