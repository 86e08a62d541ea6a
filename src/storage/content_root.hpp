// The content of a disk as one digest, for finding changes that identifiers do not tell of
// (docs/formats/content-root.md). Private to storage/.
#pragma once

#include <optional>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/content/segment_list.hpp"
#include "storage/tools/disk_tools.hpp"
#include "store/digest.hpp"

namespace orrery::storage {

// Of what the disk holds itself (port::BlockExtent::allocated), and of which sectors those are;
// what shows through from below does not count. LIST, if any, gets the segments that it is made of.
// Reads all of it; runs the loop.
Result<store::Digest> content_root(EventLoop& loop, port::Blocks& disk, const Progress& progress,
                                   SegmentList* list = nullptr);

// As the disk says itself, if it does and it is of the content that it has now.
std::optional<store::Digest> recorded_root(const port::Blocks& disk);

}  // namespace orrery::storage
