// What a host keeps of servers' images: a folder that all its VMs share, with so many bytes at
// most. docs/formats/store-cache.md.
//
//   packs/ID         a pack as far as it is here (cached_pack.hpp)
//   images/KEY       the manifest of an image of a server; KEY.order: what starts read
//   (access_record.hpp)
//
// Everything in it is verified when it is used, and may be removed at any time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <dirent.h>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "store/remote/cached_pack.hpp"

namespace orrery::store::remote {

class PackCache {
 public:
  // Makes the folder where there is none, and room: packs that nobody has open go, those first that
  // were used the longest time ago, until there are at most MOST_BYTES.
  static Result<std::unique_ptr<PackCache>> open(const std::string& folder,
                                                 std::uint64_t most_bytes);

  // These open files, so they come before the sandbox. One thread.
  Result<std::shared_ptr<CachedPack>> pack(const Digest& id);
  std::optional<std::vector<std::byte>> read_image_file(const std::string& key) const;
  void write_image_file(const std::string& key, ByteSpan bytes) const;  // or does without
  // To be read and written in place; not open: it cannot be had.
  FileDescriptor open_image_file(const std::string& key) const;

  // After so many bytes were put: where there are too many now, gives up groups of this process's
  // packs. Any thread.
  void added(std::uint64_t bytes);

 private:
  struct FolderCloser {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };

  PackCache(std::string folder, std::uint64_t most_bytes)
      : folder_(std::move(folder)), most_bytes_(most_bytes) {}
  std::uint64_t used_bytes();  // with mutex_ held
  void give_up_groups();       // with mutex_ held
  void remove_old_packs();

  const std::string folder_;
  const std::uint64_t most_bytes_;
  CacheState state_;
  std::mutex mutex_;
  std::unique_ptr<DIR, FolderCloser> listing_;      // of packs/; guarded by mutex_
  std::uint64_t added_ = 0;                         // since it was last counted; guarded by mutex_
  std::vector<std::shared_ptr<CachedPack>> packs_;  // grows before the sandbox only
};

}  // namespace orrery::store::remote
