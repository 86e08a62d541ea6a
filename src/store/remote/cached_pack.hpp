// A pack of a server as far as it is here: a sparse file with the pack's own layout, so what has
// not been fetched, or was given up for room, is a hole. It needs no list of what is there: each
// group has its check in the table, and the table is what the pack is named by. So several
// processes may fill one file and punch holes in it at the same time, and damage is found.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "store/files.hpp"
#include "store/pack/pack_table.hpp"

namespace orrery::store::remote {

// What the packs of a cache share.
struct CacheState {
  std::atomic<std::uint64_t> clock{0};  // counts uses of groups, to tell old ones
  // The cache is full, so what was just fetched may go at once. Relaxed: a hint.
  std::atomic<bool> full{false};
};

// Any thread, several at a time, but for put_table() and set_table().
class CachedPack final : public StoredFile {
 public:
  // FILE: open for reading and writing, and locked shared by this descriptor. STATE outlives it.
  CachedPack(FileDescriptor file, std::string path, CacheState& state);

  std::uint64_t size() const override { return size_; }
  // An error: it is not here.
  Result<> read(std::uint64_t offset, MutableByteSpan to) const override;

  // What stands at the end, from the tables on, and belongs to TABLE.
  void put_table(ByteSpan bytes, std::uint64_t offset);
  // Before all that follows; TABLE outlives all uses.
  void set_table(const PackTable& table);

  // Whether a group is here, by its check.
  bool holds(std::size_t group);
  // STORED: has its check. Bytes that the file took. Where it may not stay there, or the host's
  // disk is full, the group is kept in memory for a while.
  std::uint64_t put(std::size_t group, ByteSpan stored);
  // Gives a group's place back.
  void drop(std::size_t group);

  // When each group was used last, by the clock; 0: not by this process.
  std::uint64_t used(std::size_t group) const { return uses_[group].used.load(); }
  std::size_t groups() const { return uses_.size(); }

 private:
  // Both relaxed: `known` says only that the check was found right once, and readers verify anyway.
  struct Use {
    std::atomic<std::uint64_t> used{0};
    std::atomic<bool> known{false};
  };
  struct Kept {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };
  // In memory: what the requests in flight need, a few times.
  static constexpr std::size_t kMostKept = 8 << 20;

  bool read_memory(std::uint64_t offset, MutableByteSpan to) const;
  void note_use(std::size_t group);
  bool write(std::uint64_t offset, ByteSpan bytes);
  void keep(std::uint64_t offset, ByteSpan bytes);

  const FileDescriptor file_;
  const std::string path_;
  CacheState& state_;
  std::uint64_t size_ = 0;
  const PackTable* table_ = nullptr;
  std::vector<Use> uses_;
  std::vector<std::byte> tail_;  // tables that the file did not take
  std::uint64_t tail_offset_ = 0;
  mutable std::mutex mutex_;
  std::deque<Kept> kept_;       // guarded by mutex_; the oldest first
  std::size_t kept_bytes_ = 0;  // guarded by mutex_
};

}  // namespace orrery::store::remote
