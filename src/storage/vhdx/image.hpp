// An open VHDX image: where each byte of the disk is, and reading, writing and keeping it whole
// ([MS-VHDX]). Private to storage/; a port around it is in disk.cpp. On the loop's thread.
//
// Whatever instant the host fails at, what was flushed is there: data is durable before the table
// that names it is, and tables change through the log (flush(), docs/rooms/storage.md). A part of
// the file that lost its use is used again only when nothing durable names it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"
#include "storage/io/buffer_cursor.hpp"
#include "storage/io/image_file.hpp"
#include "storage/io/page_cache.hpp"
#include "storage/vhdx/bat.hpp"
#include "storage/vhdx/file_space.hpp"
#include "storage/vhdx/header.hpp"
#include "storage/vhdx/log.hpp"
#include "storage/vhdx/metadata.hpp"

namespace orrery::storage::vhdx {

enum class Access : std::uint8_t { kRead, kWrite };

// What a stretch of the disk is.
struct Mapping {
  enum class Kind : std::uint8_t {
    kBelow,  // as the parent has it; without one, zeroes
    kZero,
    kData,
  };

  Kind kind = Kind::kBelow;
  std::uint64_t length = 0;  // bytes of the disk from the asked offset on
  std::uint64_t host = 0;    // kData: place in the file
};

class Image {
 public:
  // Sector bitmaps in memory: 32 MiB of pages, which describe 128 GiB of a disk.
  static constexpr std::size_t kMostPages = 8192;

  explicit Image(std::unique_ptr<ImageFile> file)
      : file_(std::move(file)), bitmaps_(*file_, kMostPages) {}

  // Before anything else. Carries out what the log holds: in the file, or for reading in memory.
  Task<Result<>> open(Access access);

  const std::string& path() const { return file_->path(); }
  std::uint64_t file_size() const { return file_->size(); }
  const Header& header() const { return current_.header; }
  bool headers_whole() const { return current_.both_valid && regions_.both_valid; }
  bool log_was_empty() const { return log_was_empty_; }
  const Metadata& metadata() const { return metadata_; }
  const Regions& regions() const { return regions_; }
  const Bat& bat() const { return bat_; }
  std::uint64_t size() const { return metadata_.disk_size; }

  // What shows through where nothing is present; has to outlive the image.
  void set_parent(port::Blocks* parent) { parent_ = parent; }
  port::Blocks* parent() const { return parent_; }

  // At least one byte, at most LENGTH.
  Task<Result<Mapping>> map(std::uint64_t offset, std::uint64_t length);
  Task<Result<>> read(std::uint64_t offset, std::uint64_t length, BufferCursor& to);
  Task<Result<>> write(std::uint64_t offset, std::uint64_t length, BufferCursor& from);
  enum class Unmap : std::uint8_t { kNever, kMay };
  Task<Result<>> write_zeroes(std::uint64_t offset, std::uint64_t length, Unmap unmap);
  // Whole blocks within read as zeroes afterwards, and without a parent whole pages of 4 KiB; the
  // rest stays.
  Task<Result<>> discard(std::uint64_t offset, std::uint64_t length);
  // What was written before is durable afterwards. One with nothing to write also empties the log.
  Task<Result<>> flush();
  // Larger only.
  Task<Result<>> resize(std::uint64_t size);
  // Both headers and both region tables anew, for who found one of them damaged.
  Task<Result<>> renew_copies();

  // All parts of the file that are in use; the first that is wrong is an error.
  Result<std::vector<FileSpace::Use>> uses() const;
  Result<> check_entry(std::uint64_t index) const;

  // For the end: waits for what is in flight in the file, and resumes no task any more.
  void stop();

 private:
  class InFlight;
  class BlockLock;
  class Reservation;
  // The bits of some sectors in the file.
  struct Bits {
    std::uint64_t at = 0;     // the file's byte that has the first one
    std::uint64_t first = 0;  // in that byte
    std::uint64_t count = 0;
  };

  // image.cpp
  Error damaged(std::string what) const;
  Task<Result<>> replay();
  Task<Result<>> replay_to_file(ActiveLog log);
  Result<> replay_in_memory(const ActiveLog& log);
  Task<Result<>> read_tables();
  Task<Result<>> read_bat();
  Task<Result<Mapping>> map_partial(std::uint64_t block, const BlockEntry& entry,
                                    std::uint64_t offset, std::uint64_t length);
  // Without waiting: of a block and those like it behind it.
  Mapping map_blocks(const BlockEntry& entry, std::uint64_t offset, std::uint64_t length) const;
  Task<Result<>> write_header(Header header);
  bool keeps_place(const BlockEntry& entry) const;
  std::uint64_t block_size() const { return metadata_.block_size; }
  // Bytes of a block that the disk has.
  std::uint64_t length_of_block(std::uint64_t block) const {
    return std::min(block_size(), size() - block * block_size());
  }
  Bits bits_of(std::uint64_t offset, std::uint64_t length) const;

  // image_write.cpp
  Task<Result<>> check_writable();
  Task<Result<>> begin_changes();
  Task<Result<>> write_partial(std::uint64_t offset, std::uint64_t length, BlockEntry entry,
                               BufferCursor& from);
  Task<Result<>> write_new(std::uint64_t offset, std::uint64_t length, BufferCursor& from);
  Task<Result<std::uint64_t>> allocate(std::uint64_t length);
  Task<Result<>> need_bitmap(std::uint64_t chunk);
  Task<Result<>> load_bits(Bits bits);
  bool all_set(const Bits& bits);
  void set_bits(Bits bits, bool value);
  static std::size_t pages_of(const Bits& bits);
  bool lock_block(std::uint64_t block) { return locked_.insert(block).second; }
  void retire(const BlockEntry& entry);

  // image_zero.cpp
  Task<Result<>> zero_block(std::uint64_t block, Unmap unmap);
  Task<Result<>> zero_part(std::uint64_t offset, std::uint64_t length, Unmap unmap);
  Task<Result<>> clear(std::uint64_t place, std::uint64_t length, Unmap unmap);

  // image_flush.cpp
  struct TablePages;
  std::size_t dirty_count() const { return bat_.dirty_count() + bitmaps_.dirty_count(); }
  Task<Result<>> reserve(std::size_t pages);
  Task<Result<>> run_round();
  TablePages take_dirty();
  void put_back(const TablePages& pages, const Result<>& result);
  Task<Result<>> sync();
  Task<Result<>> log_and_apply(const std::vector<LogPage>& pages, std::uint64_t file_end);
  Task<Result<>> empty_log();
  Task<Result<>> release_retired();

  // image_resize.cpp
  Task<Result<>> make_room(const BatShape& shape);
  Task<Result<>> move_bat(std::uint64_t length);
  Task<Result<>> fill_fixed(std::uint64_t from_block);
  Task<Result<>> write_region_tables(const std::vector<std::byte>& table);
  Task<Result<>> change_pages(std::vector<LogPage> pages);
  Task<Result<>> write_size(std::uint64_t size);

  std::unique_ptr<ImageFile> file_;
  Access access_ = Access::kRead;
  std::uint64_t opened_size_ = 0;  // of the file, when it was opened
  CurrentHeader current_;
  Regions regions_;
  Metadata metadata_;
  Bat bat_;
  PageCache bitmaps_;
  FileSpace space_;
  port::Blocks* parent_ = nullptr;

  bool changing_ = false;  // the headers have identifiers of this opening
  bool file_write_is_new_ = false;
  TaskMutex header_mutex_;
  std::set<std::uint64_t> locked_;  // blocks whose entry a request is about to change
  Changed unlocked_;
  TaskMutex bitmap_mutex_;

  // The log, used in two halves by turns, so that the entry before is whole while one is written.
  bool log_was_empty_ = true;
  bool log_active_ = false;  // a header names it
  Guid log_guid_;
  std::uint64_t log_sequence_ = 0;
  std::size_t log_capacity_ = 0;  // pages that an entry has room for
  std::uint64_t stable_end_ = 0;  // of the file, as far as writes are complete
  std::size_t reserved_ = 0;      // pages that requests are about to change
  std::size_t logging_ = 0;       // pages that the round under way writes
  Changed reservation_ended_;

  // Rounds of flush(): numbers of the last that began and ended.
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  bool in_round_ = false;
  Result<> round_result_;
  Changed round_ended_;
  std::map<std::uint64_t, unsigned> in_flight_;  // requests, by the round in which they began
  struct Retired {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint64_t epoch = 0;
  };
  std::deque<Retired> retired_;
  // A sync failed: the host may have dropped what it could not write, so nothing is sure any more.
  Result<> broken_;
};

}  // namespace orrery::storage::vhdx
