// A link of a chain, opened without what lies below it where its format allows that, and what it
// has recorded of content. Private to storage/.
#pragma once

#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/disk_identity.hpp"
#include "storage/disk_image.hpp"
#include "storage/io/disk_executor.hpp"
#include "storage/qcow2/content_record.hpp"

namespace orrery::storage {

struct OpenLink {
  std::unique_ptr<port::Blocks> disk;
  DiskIdentity identity;
  qcow2::Identities recorded;  // of a qcow2
  qcow2::ContentRoots roots;
  std::optional<DiskOptions> below;
};

// OPTIONS: for reading, with a format. Runs the loop. QUEUE: one for all links.
Result<OpenLink> open_link(EventLoop& loop, const DiskOptions& options,
                           const std::shared_ptr<DiskQueue>& queue);

}  // namespace orrery::storage
