// Opening a disk of any format, with what lies below it.
//
// The format is what the caller says, or else what the file looks like. Because a guest writes what
// it likes to a raw disk, a file that only looks raw stays so (RawDiskOptions::stays_raw), a file
// named *.raw that looks like an image is refused until the format is said, and so is a backing
// file that looks like an image where the image above does not say so
// (docs/decisions/0006-raw-disks-stay-raw.md).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/disk_format.hpp"
#include "storage/disk_identity.hpp"
#include "storage/luks/key_source.hpp"
#include "storage/store/cache_options.hpp"

namespace orrery::storage {

inline constexpr std::chrono::seconds kShortestLease{2};
inline constexpr std::chrono::seconds kLongestLease{3600};

struct DiskOptions {
  std::string path;
  std::optional<Format> format;
  bool read_only = false;
  bool direct = false;  // past the host's page cache; raw disks only
  // Of raw, qcow2 and VHDX: what is written is sent on its way to the disk soon, not first when a
  // flush asks for it. For copies of whole disks.
  bool write_behind = false;
  std::string serial;    // at most 20 printable ASCII characters
  std::string snapshot;  // qcow2: an internal snapshot's content; needs read_only
  // What is read of a qcow2's parents is first compared with the digests that `orrery disk seal
  // --segments` wrote down; what does not fit is an error (content/verified_disk.hpp).
  bool verify_reads = false;
  // What the disk holds is a LUKS2 volume, and the disk what is in that. Never guessed: a guest may
  // encrypt its disk by itself.
  std::optional<KeySource> encryption;
  // A qcow2 over the disk that takes what is written; made where there is none of this name.
  std::string overlay;
  CacheOptions cache;  // for images of servers, also below
  // From now on whoever writes to it has its lease, so that it is one host's at a time
  // (docs/decisions/0036). Disks that have leases already are written under them in any case.
  bool lease = false;
  std::optional<std::chrono::milliseconds> lease_duration;  // of new ones; not said: 60 s
};

struct OpenReport {
  bool remote = false;  // an image of a server: threads that connect to it
};

// Fails where a disk in the chain is not the one that the disk above it was made over
// (disk_identity.hpp). Runs the loop while it reads the images' tables, so nobody else may run it.
// Below the disk all is opened for reading.
Result<std::unique_ptr<port::Blocks>> open_disk(EventLoop& loop, const DiskOptions& options,
                                                OpenReport* report = nullptr);

// Of the content of a disk that is open, so that nobody changes it meanwhile.
Result<DiskIdentity> identity_of(port::Blocks& disk, const std::string& path);

// Opens a disk's file so that nobody else has it open meanwhile.
Result<FileDescriptor> lock_disk(const std::string& path);

// What a file is: as said, or as it looks.
Result<Format> choose_format(const std::string& path, std::optional<Format> said);

// Writes out what a disk still holds; runs the loop, which nobody else may run.
Result<> flush_disk(EventLoop& loop, port::Blocks& disk);

// The path of a backing file, which is relative to the image that names it.
std::string backing_path(const std::string& image, const std::string& backing);
// As a backing file that is found from wherever the disk over it lies.
std::string absolute_path(const std::string& path);

}  // namespace orrery::storage
