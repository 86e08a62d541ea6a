// What a store asks of the folder that it lives in: the seam below which tests put a folder in
// memory with power cuts. Names are relative, "packs/ab12"; errors name the whole path.
//
// A file's bytes are durable after NewFile::sync(), its name after sync_folder() of the folder it
// is in. Locks are held by open files, so they end with the process that holds them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::store {

// Any thread, several at a time.
class StoredFile {
 public:
  virtual ~StoredFile() = default;
  virtual std::uint64_t size() const = 0;  // as it was opened
  // All of TO; a file that ends before is an error.
  virtual Result<> read(std::uint64_t offset, MutableByteSpan to) const = 0;
};

// Written from its start to its end.
class NewFile {
 public:
  virtual ~NewFile() = default;
  virtual Result<> append(ByteSpan bytes) = 0;
  virtual Result<> sync() = 0;
};

// Held until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
  // Whether the file that is locked still has a name.
  virtual bool linked() const = 0;
};

class Files {
 public:
  enum class Lock : std::uint8_t { kShared, kExclusive };
  enum class Wait : std::uint8_t { kNo, kYes };

  virtual ~Files() = default;

  // For messages: where the store is.
  virtual const std::string& path() const = 0;

  // Names in FOLDER, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  // nullptr: there is none of this name.
  virtual Result<std::unique_ptr<StoredFile>> open(const std::string& name) = 0;
  // Must not exist.
  virtual Result<std::unique_ptr<NewFile>> create(const std::string& name) = 0;
  // Replaces what is called TO, at once.
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> remove(const std::string& name) = 0;  // also if there is none
  virtual Result<> make_folder(const std::string& name) = 0;
  virtual Result<> sync_folder(const std::string& name) = 0;  // "": the store's own
  // nullptr: others hold it, or there is no such file. Between handles also within one process.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& name, Lock kind, Wait wait) = 0;
};

// A whole file, of at most MOST bytes.
Result<std::vector<std::byte>> read_whole(const StoredFile& file, std::uint64_t most);

// A folder of the host; it need not be there yet.
std::unique_ptr<Files> host_files(const std::string& path);

}  // namespace orrery::store
