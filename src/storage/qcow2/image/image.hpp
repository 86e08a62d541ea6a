// An open qcow2 image: where each byte of the disk is, and reading, writing and keeping it whole.
// Private to storage/; a port around it is in disk.cpp. On the loop's thread.
//
// Whatever instant the host fails at, what was flushed is there and no two users share a cluster:
// clusters are written before the tables that name them, counts before their uses, and a cluster is
// used again only when nothing durable names it (flush(), docs/rooms/storage.md). What a crash may
// leave are clusters that count as used and are not.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "storage/io/buffer_cursor.hpp"
#include "storage/io/image_file.hpp"
#include "storage/io/page_cache.hpp"
#include "storage/qcow2/chain/layer.hpp"
#include "storage/qcow2/content_record.hpp"
#include "storage/qcow2/header.hpp"
#include "storage/qcow2/identity.hpp"
#include "storage/qcow2/mapping.hpp"
#include "storage/qcow2/refcounts.hpp"
#include "storage/qcow2/unpacked_cluster.hpp"
#include "storage/request/below.hpp"

namespace orrery::storage::qcow2 {

// kRepair: for writing, though it is damaged.
enum class Access : std::uint8_t { kRead, kWrite, kRepair };

struct Snapshot {
  std::string id;
  std::string name;
  std::uint32_t seconds = 0;  // since 1970
  std::uint64_t size = 0;     // of the disk then, bytes; 0: not said
  std::uint64_t l1_offset = 0;
  std::uint32_t l1_entries = 0;
  std::uint64_t state_size = 0;  // bytes of a machine's memory kept with it
  std::uint32_t extra_length = 0;
};

class Image {
 public:
  // Metadata in memory: 32 MiB of pages, which describe 256 GiB of a disk with 64 KiB clusters.
  static constexpr std::size_t kMostPages = 8192;

  explicit Image(std::unique_ptr<ImageFile> file, std::size_t most_pages = kMostPages);

  // Before anything else. For writing, repairs the refcounts of an image that was not closed.
  Task<Result<>> open(Access access);
  // Reads a snapshot's content instead of the disk's; read-only images.
  Task<Result<>> show_snapshot(std::string name);

  const Header& header() const { return header_; }
  Header& header() { return header_; }
  const std::string& path() const { return file_->path(); }
  ImageFile& file() { return *file_; }
  Refcounts& refcounts() { return refcounts_; }
  const std::vector<std::uint64_t>& l1() const { return l1_; }
  const std::vector<Snapshot>& snapshots() const { return snapshots_; }
  std::uint64_t size() const { return size_; }  // of the disk, whole sectors

  // What shows through where nothing is allocated; has to outlive the image.
  void set_below(Below* below) { below_ = below; }
  Below* below() const { return below_; }

  // At least one byte, at most LENGTH.
  Task<Result<Mapping>> map(std::uint64_t offset, std::uint64_t length);
  // The same, unless a table has to be read for it.
  std::optional<Result<Mapping>> map_now(std::uint64_t offset, std::uint64_t length);
  Task<Result<>> read(std::uint64_t offset, std::uint64_t length, BufferCursor& to);
  Task<Result<>> write(std::uint64_t offset, std::uint64_t length, BufferCursor& from);
  enum class Unmap : std::uint8_t { kNever, kMay };
  Task<Result<>> write_zeroes(std::uint64_t offset, std::uint64_t length, Unmap unmap);
  // Whole clusters within read as zeroes afterwards, their space is given back; the rest stays.
  Task<Result<>> discard(std::uint64_t offset, std::uint64_t length);
  // What was written before is durable afterwards.
  Task<Result<>> flush();
  Task<Result<>> resize(std::uint64_t size);
  // The header as it stands in header().
  Task<Result<>> write_header();

  const Identities& identities() const { return identities_; }
  // Durable, before anything that was read from another parent is relied on. ROOT: of the parent's
  // content, where it is known.
  Task<Result<>> record_parent(DiskIdentity parent, std::optional<store::Digest> root = {});
  // Of the content that the image has, which nobody may be changing. Durable.
  Task<Result<>> record_own_root(store::Digest root);

  // What is written from now on changes what the image holds itself, and not what its disk reads
  // as: so it keeps its identity, and a digest of what it holds goes, durably. Before the first
  // change. An error: it keeps no identity that others could know it by.
  Task<Result<>> content_stays();
  // Somebody has noted the identity: the next change draws another one.
  void keep_identity() { identity_is_new_ = false; }

  // Reads all tables anew, for who changed them in the file.
  Task<Result<>> reload_tables();

  // Its file and header, for a chain, when nobody reads or writes the image any more.
  Layer take_layer();

  // For the end: waits for what is in flight in the file, and resumes no task any more.
  void stop();

 private:
  // A request that reads or writes clusters keeps those that were in use when it began.
  class InFlight;
  struct Interval {
    std::uint64_t first = 0;  // clusters of the disk
    std::uint64_t count = 0;
  };
  class ClusterLock;
  struct L1Snapshot;

  Error damaged(std::string what) const { return qcow2::damaged(path(), std::move(what)); }
  std::uint64_t size_below() const { return below_ == nullptr ? 0 : below_->size(); }
  Task<Result<>> mark_corrupt(Error error);
  Task<Result<>> read_header();
  Task<Result<>> read_l1(std::uint64_t offset, std::uint32_t entries);
  Task<Result<>> read_snapshots();
  Task<Result<>> clear_unknown_autoclear();
  Result<> claim_tables();
  Result<std::uint64_t> l2_place(std::uint64_t offset) const;
  Result<Mapping> decode(const Page& page, std::uint64_t offset, std::uint64_t length,
                         std::uint64_t place) const;
  Result<Mapping> decode_subclusters(const Page& page, std::uint64_t offset, std::uint64_t length,
                                     std::uint64_t place) const;
  Result<> check_entry(std::uint64_t entry) const;

  Task<Result<>> read_range(std::uint64_t offset, MutableByteSpan to);

  Task<Result<>> check_writable();
  Task<Result<>> renew_identity();
  Task<Result<>> write_identities(ContentRoots roots);
  Task<Result<>> write_in_place(const Mapping& mapping, BufferCursor& from);
  Task<Result<std::uint64_t>> write_new(std::uint64_t offset, Mapping mapping, BufferCursor& from);
  Task<Result<>> copy_on_write(std::uint64_t offset, MutableByteSpan to, bool zeroes);
  Task<Result<>> link(std::uint64_t cluster, std::uint64_t host, std::uint64_t count);
  Task<Result<>> own_l2(std::uint64_t index);
  void retire_entry(std::uint64_t entry);
  bool lock_clusters(std::uint64_t first, std::uint64_t count);
  void unlock_clusters(std::uint64_t first);
  Task<Result<>> zero_clusters(std::uint64_t first, std::uint64_t count, Unmap unmap);
  Task<Result<std::uint64_t>> zero_page(std::uint64_t first, std::uint64_t count, Unmap unmap);
  std::uint64_t zero_entry(std::uint64_t old, std::uint64_t cluster, Unmap unmap) const;
  Task<Result<>> zero_part(std::uint64_t offset, std::uint64_t length);

  Task<Result<>> run_round();
  Task<Result<>> write_tables();
  L1Snapshot take_dirty_l1();
  Task<Result<>> release_retired();
  Task<Result<>> grow_l1(std::uint64_t size);

  std::unique_ptr<ImageFile> file_;
  const std::size_t most_pages_;
  Header header_;
  std::uint64_t size_ = 0;
  Access access_ = Access::kRead;
  PageCache cache_;
  Refcounts refcounts_;
  std::vector<std::uint64_t> l1_;
  std::set<std::uint64_t> dirty_l1_;  // entries
  std::vector<Snapshot> snapshots_;
  Identities identities_;
  bool identity_is_new_ = false;  // since the image was opened
  TaskMutex identity_mutex_;
  Below* below_ = nullptr;

  std::vector<Interval> locked_;
  Changed unlocked_;
  TaskMutex l2_mutex_;

  // Rounds of flush(): numbers of the last that began and ended.
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  bool in_round_ = false;
  Result<> round_result_;
  Changed round_ended_;
  std::map<std::uint64_t, unsigned> in_flight_;  // requests, by the round in which they began
  // A sync failed: the host may have dropped what it could not write, so nothing is sure any more.
  Result<> broken_;

  UnpackedCluster unpacked_;
};

}  // namespace orrery::storage::qcow2
