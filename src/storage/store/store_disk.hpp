// An image of a store as a disk that is only read: `store:DIR/NAME` wherever a disk is named, so
// also below a qcow2.
//
// Reading and decoding are done by threads of the disk's own, as they take longer than the loop
// should wait.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/disk_identity.hpp"
#include "store/image.hpp"

namespace orrery::storage {

inline constexpr std::string_view kStorePrefix = "store:";
inline bool names_store_image(std::string_view path) {
  return path.starts_with(kStorePrefix);  // also those of servers
}

// "store:images/debian-12" is the image "debian-12" of the store "images".
struct StorePath {
  std::string folder;
  std::string image;
};
Result<StorePath> parse_store_path(std::string_view path);

// Requests in flight when it is destroyed are waited for and dropped. SERIAL: as BlockGeometry has
// it.
Result<std::unique_ptr<port::Blocks>> open_store_disk(EventLoop& loop, const std::string& path,
                                                      const std::string& serial);

DiskIdentity identity_of_image(const store::Image& image);
// Of the image's content, so the same content added again is the same disk. `kNone`: DISK is
// another one's.
DiskIdentity identity_of_store_disk(const port::Blocks& disk);

}  // namespace orrery::storage
