// A folder of snapshots, and of the disks that they hold on to (docs/formats/snapshot.md):
//
//   NAME/manifest.json, state, memory, sums     one snapshot
//   disks/FILE                                  qcow2 files that nobody writes any more
//   heads/FILE                                  paths of disks that were laid over disks/FILE
//   .new-NAME-XXXXXX/                           one that is being made, or was when its maker died
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "snapshot/manifest.hpp"

namespace orrery::snapshot {

class Library {
 public:
  // FOLDER empty: $ORRERY_SNAPSHOTS, or else orrery/snapshots in the user's folder of data
  // ($XDG_DATA_HOME, ~/.local/share). It need not be there yet. The path becomes absolute.
  explicit Library(const std::string& folder = "");

  const std::string& folder() const { return folder_; }
  std::string path_of(const std::string& name, const std::string& file) const;
  std::string disk_path(const std::string& file) const;

  // Sorted.
  Result<std::vector<std::string>> names() const;
  // Whole as far as can be seen without reading its memory.
  Result<Manifest> read(const std::string& name) const;
  // Its machine's state, verified: CBOR.
  Result<std::vector<std::byte>> read_state(const Manifest& manifest) const;
  // Its memory, of the length that it should have; open for reading.
  Result<FileDescriptor> open_memory(const Manifest& manifest) const;
  // Reads all of the memory, too; the error tells what is damaged first.
  Result<> verify(const std::string& name) const;

  // Many use what is there and add to it, or one removes some of it. Held until destroyed. Who uses
  // it waits; who removes is told that somebody uses it.
  enum class Use : std::uint8_t { kShared, kRemoving };
  Result<FileDescriptor> lock(Use use) const;

  // Disks outside the library that were laid over one of it, durably; perhaps not all are there any
  // more.
  Result<> note_head(const std::string& file, const std::string& head) const;
  Result<std::vector<std::string>> heads(const std::string& file) const;

  // At once, durably. With the lock, for removing.
  Result<> remove(const std::string& name) const;
  Result<> remove_disk(const std::string& file) const;

 private:
  std::string folder_;
};

// A snapshot, as `orrery run` and others name it: NAME in a library, or its folder, which has a
// slash in it.
struct Place {
  Library library;
  std::string name;
};
Place find(const std::string& name_or_folder, const std::string& library);

// A snapshot that is being made; gone without a trace if it is not committed.
class NewSnapshot {
 public:
  // Makes the library where there is none. An error: there is one of this name. What makers that
  // died have left is removed.
  static Result<NewSnapshot> begin(const Library& library, const std::string& name);
  NewSnapshot(NewSnapshot&&) = default;
  NewSnapshot& operator=(NewSnapshot&&) = default;
  ~NewSnapshot();

  // Both empty, for the VM to write to.
  int memory() const { return memory_.get(); }
  int state() const { return state_.get(); }
  // For what is only needed until the end.
  std::string scratch(const std::string& file) const { return folder_ + '/' + file; }
  // A name for a disk that the library does not have.
  std::string new_disk() const;

  // (Holds the library's lock, shared, all the time.)
  //
  // Keeps what is called DISK as FILE among the library's disks, then calls OVERLAY, which is
  // scratch(), DISK: whatever happens in between, DISK is one of them, and reads the same. Both
  // durably.
  Result<> change_disk(const std::string& disk, const std::string& file,
                       const std::string& overlay) const;

  // Moves DISK, which is scratch(), among the library's disks as FILE, durably.
  Result<> keep_disk(const std::string& disk, const std::string& file) const;

  // What was written is summed up and made durable, and the snapshot gets its name. Of MANIFEST
  // parts and time are filled in; what is there already has to be the same, or is kept.
  Result<Manifest> commit(Manifest manifest);

 private:
  NewSnapshot(Library library, std::string name) : library_(std::move(library)), name_(name) {}

  Library library_;
  std::string name_;
  std::string folder_;     // empty: moved away, or committed
  FileDescriptor shared_;  // the library's lock
  FileDescriptor lock_;    // of the folder: its maker lives
  FileDescriptor memory_;
  FileDescriptor state_;
};

}  // namespace orrery::snapshot
