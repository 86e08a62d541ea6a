// An image of a server's store as a disk that is only read: `store://HOST:PORT/NAME` wherever a
// disk is named, so also below a qcow2. What is read first is fetched first; what earlier starts
// read is fetched ahead; all of it goes through a cache that the host's VMs share.
//
// It has threads and sockets of its own, which a sandbox has to allow (OpenReport::remote).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/disk_identity.hpp"
#include "storage/store/cache_options.hpp"
#include "store/remote/fetcher.hpp"

namespace orrery::storage {

bool names_remote_image(std::string_view path);

struct RemoteDiskOptions {
  std::string path;
  std::string serial;  // as BlockGeometry has it
  CacheOptions cache;
  store::remote::FetchOptions fetch;
};

// "$XDG_CACHE_HOME/orrery/segments", or the same in ~/.cache. An error: there is no home.
Result<std::string> usual_cache_folder();

// Waits for the server's answers. Requests in flight when it is destroyed are dropped.
Result<std::unique_ptr<port::Blocks>> open_remote_disk(EventLoop& loop,
                                                       const RemoteDiskOptions& options);

// As identity_of_store_disk(): the same content has the same, here and there.
DiskIdentity identity_of_remote_disk(const port::Blocks& disk);
// What was fetched since it was opened, with manifests and tables. Zeroes: DISK is another one's.
store::remote::FetchCounters counters_of_remote_disk(const port::Blocks& disk);

}  // namespace orrery::storage
