// Root digests of what disks hold: writing them down, and finding what they do not fit any more
// (the work behind `orrery disk seal` and `check --content`; docs/formats/content-root.md). Each
// function runs the loop, which nobody else may run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "storage/disk_format.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::storage {

// Writes down, in the qcow2 at PATH, the root of what it holds and that of its backing file, which
// is taken from there or computed. Who makes a disk over it afterwards takes it over.
enum class Segments : std::uint8_t {
  kNone,
  // The digests of all segments, in a file beside the disk, by which reads are verified
  // (DiskOptions::verify_reads); also of a backing file that is no qcow2.
  kWrite,
};
Result<> seal_disk(EventLoop& loop, const std::string& path, const Progress& progress,
                   Segments segments = Segments::kNone);

// What was found of one link of a chain.
struct ContentFinding {
  enum class Kind : std::uint8_t {
    kWhole,       // fits what was recorded
    kUnknown,     // nothing was recorded, or another program has written since
    kChanged,     // holds something else
    kUnreadable,  // or cannot be opened
  };

  Kind kind = Kind::kUnknown;
  std::string path;
  std::string text;  // for people: what was expected and found, and what to do
};
// Reads all that the disk at PATH and all that lies below hold, the top link first. Does not fail
// for a link that is changed or damaged; what lies below one that cannot be opened is left out.
Result<std::vector<ContentFinding>> check_content(EventLoop& loop, const std::string& path,
                                                  std::optional<Format> format,
                                                  const Progress& progress);

}  // namespace orrery::storage
