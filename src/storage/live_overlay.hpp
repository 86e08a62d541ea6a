// A new differencing disk over a disk that a VM has in use: what the guest writes from then on goes
// there, and the disk below stays as it was, for others to build on.
//
//   auto overlay = co_await LiveOverlay::prepare(loop, disk, file, path);  // the guest runs
//   disk.hold(); ...                                                       // until quiescent
//   co_await overlay->freeze();
//   overlay->lay();  // or not: then the old disk goes on
//   disk.release();
//
// On the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/types.hpp"
#include "storage/disk_identity.hpp"
#include "storage/gated_disk.hpp"

namespace orrery::storage {

namespace qcow2 {
class Disk;
}

// Makes the file PATH for it: an empty qcow2 of SIZE over the qcow2 BACKING (as the file names it),
// which nobody looks at. It is open for writing, and locked.
Result<FileDescriptor> create_overlay_file(EventLoop& loop, const std::string& path,
                                           const std::string& backing, Bytes size);

class LiveOverlay {
 public:
  // FILE: as create_overlay_file() makes it. An error: the disk behind the gate is no qcow2 that is
  // written, or the file does not fit it. The gate outlives the overlay.
  static Task<Result<std::unique_ptr<LiveOverlay>>> prepare(EventLoop& loop, GatedDisk& gate,
                                                            FileDescriptor file, std::string path);
  ~LiveOverlay();

  // While the gate is held and quiescent. The disk is flushed, and the new one remembers its
  // identity, durably. Returns what its content is.
  Task<Result<DiskIdentity>> freeze();

  // Whether PATH names its file.
  bool has_name(const std::string& path) const;

  // Puts the new disk behind the gate, with the old one below as a link of its chain, while nothing
  // has passed the gate since freeze(). Others may read the old one's file from now on.
  void lay();

 private:
  struct FileNumber {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
  };
  LiveOverlay(GatedDisk& gate, std::unique_ptr<qcow2::Disk> disk, FileNumber file);
  qcow2::Disk& below() const;

  GatedDisk& gate_;
  const FileNumber file_;
  std::unique_ptr<qcow2::Disk> disk_;  // until it is laid
};

}  // namespace orrery::storage
