// What can be done with disk images besides running on them: the work behind `orrery disk`. Each
// function runs the loop, which nobody else may run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/types.hpp"
#include "port/blocks.hpp"
#include "storage/disk_format.hpp"
#include "storage/store/cache_options.hpp"
#include "storage/tools/disk_encryption.hpp"

namespace orrery::storage {

// Told of long work now and then, in bytes; false ends it with an error. A disk that was there
// before is then as it was, or for commit and rebase reads as it did.
using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

struct CreateOptions {
  std::string path;  // must not exist
  Format format = Format::kQcow2;
  std::optional<Bytes> size;       // with a backing file: its size, if not said
  std::uint32_t cluster_size = 0;  // of a VHDX: its blocks; 0: as is usual for the format
  std::string backing;             // qcow2, VHDX: relative to the new image; empty: none
  std::optional<Format> backing_format;
  // Of a qcow2: the backing file is not looked at, as a VM writes to it, which records its identity
  // (live_overlay.hpp). Then the size and the backing format have to be given.
  bool backing_in_use = false;
  bool fixed = false;                        // VHDX: every block has its place from the start
  std::optional<std::uint32_t> sector_size;  // VHDX: 512 or 4096; if not said 512, or the parent's
  // LUKS2 with the disk in it; SIZE is the disk's. What was never written reads as noise.
  std::optional<EncryptOptions> encryption;
  CacheOptions cache;  // for a backing file that is an image of a server
};
Result<> create_disk(EventLoop& loop, const CreateOptions& options);

struct SnapshotDescription {
  std::string id;
  std::string name;
  std::uint32_t seconds = 0;  // since 1970
  std::uint64_t size = 0;
  std::uint64_t state_size = 0;
};
struct DiskDescription {
  Format format = Format::kRaw;
  Bytes size;
  Bytes file_size;
  Bytes on_host;                   // what the file takes there
  std::uint64_t cluster_size = 0;  // or of blocks, or grains; 0: none
  std::string kind;                // VHDX, VHD, VMDK: "fixed", "dynamic", ...
  std::uint32_t sector_size = 512;
  // qcow2:
  std::uint32_t version = 0;
  std::string compression;
  std::string backing;
  std::string backing_format;
  std::string identity;         // of the content; empty: none is kept
  std::string parent_identity;  // as it was recorded; empty: it was not
  std::string content_root;     // hexadecimal digits; empty: none is recorded
  std::string parent_root;
  bool dirty = false;  // was not closed: qcow2's mark, or a VHDX whose log is not empty
  bool corrupt = false;
  bool subclusters = false;
  bool lazy_refcounts = false;
  std::vector<SnapshotDescription> snapshots;
  std::optional<EncryptionDescription> encryption;  // of what the disk holds
};
// Of one file, without what lies below it.
Result<DiskDescription> describe_disk(EventLoop& loop, const std::string& path,
                                      std::optional<Format> format);

struct CheckReport {
  // Of these many, the first are described.
  static constexpr std::size_t kMostMessages = 50;

  std::uint64_t errors = 0;  // data is, or may become, wrong
  std::uint64_t leaks = 0;   // clusters that count as used and are not: lost space only
  std::vector<std::string> messages;
  std::uint64_t data_clusters = 0;
  std::uint64_t compressed_clusters = 0;
  std::uint64_t zero_clusters = 0;
};
enum class Repair : std::uint8_t { kNo, kYes };
// With repair: what is left afterwards.
Result<CheckReport> check_disk(EventLoop& loop, const std::string& path,
                               std::optional<Format> format, Repair repair);

struct ConvertOptions {
  std::string from;
  std::optional<Format> from_format;
  std::string snapshot;  // of a qcow2; empty: the disk itself
  std::string to;
  Format to_format = Format::kQcow2;
  std::uint32_t cluster_size = 0;  // as for CreateOptions
  bool fixed = false;
  bool replace = false;                      // a file that is there
  std::optional<KeySource> from_encryption;  // as for DiskOptions
  std::optional<EncryptOptions> encryption;  // of TO
};
// Makes TO under another name first, so that it is whole or not there.
Result<> convert_disk(EventLoop& loop, const ConvertOptions& options, const Progress& progress);

// Stretches of the disk in order, neighbours of one kind together.
struct MappedExtent {
  std::uint64_t offset = 0;
  port::BlockExtent extent;
};
Result<std::vector<MappedExtent>> map_disk(EventLoop& loop, const std::string& path,
                                           std::optional<Format> format);

enum class Shrink : std::uint8_t { kRefuse, kAllow };
Result<> resize_disk(EventLoop& loop, const std::string& path, std::optional<Format> format,
                     Bytes size, Shrink shrink,
                     const std::optional<KeySource>& encryption = std::nullopt);

struct Difference {
  std::uint64_t offset = 0;  // of the first sector that differs
};
// Sizes may differ where the rest is zeroes.
struct ComparedDisk {
  std::string path;
  std::optional<KeySource> encryption;
};
Result<std::optional<Difference>> compare_disks(EventLoop& loop, const ComparedDisk& one,
                                                const ComparedDisk& other,
                                                const Progress& progress);

// Writes what an image holds into its backing file, which then reads as the image does.
Result<> commit_disk(EventLoop& loop, const std::string& path, const Progress& progress);

struct RebaseOptions {
  enum class Mode : std::uint8_t {
    kKeepContent,  // what would read differently is copied into the image first
    kVerify,       // only if nothing reads differently
    kUnchecked,    // only the name is changed: the user knows that it is the same disk
  };
  std::string path;
  std::string backing;  // empty: none from now on
  std::optional<Format> backing_format;
  Mode mode = Mode::kKeepContent;
};
Result<> rebase_disk(EventLoop& loop, const RebaseOptions& options, const Progress& progress);

// Takes what the backing file of the qcow2 at PATH holds into it, and lays it over what that file
// lies over. It reads as before at every instant, and keeps its identifier, so that disks over it
// do not notice; digests of what it holds are forgotten. The backing file, a qcow2 too, stays as it
// is.
Result<> merge_backing(EventLoop& loop, const std::string& path, const Progress& progress);
// Forgets which digest the backing file of the qcow2 at PATH had, if that is recorded.
Result<> forget_parent_root(EventLoop& loop, const std::string& path);

}  // namespace orrery::storage
